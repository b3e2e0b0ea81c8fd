/** Property tests draw the same cases every time, so that a failure can be repeated; FC_SEED draws others. */
import fc from 'fast-check'

const { FC_SEED } = process.env
fc.configureGlobal({ seed: FC_SEED === undefined ? 20_260_201 : Number(FC_SEED) })
