/**
 * Property tests draw the same cases every time, so that a failure can be repeated; `npm run test:long` draws others, and so
 * does FC_SEED. fast-check tells the seed of what failed.
 */
import fc from 'fast-check'
import { often } from './often.ts'

const { FC_SEED } = process.env
fc.configureGlobal({ seed: FC_SEED === undefined ? often(20_260_201, Date.now()) : Number(FC_SEED) })
