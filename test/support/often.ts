/**
 * How often a test does again what may fail by chance: `usual` in `npm test`, where each behaviour is proved in the time that
 * somebody waits for it, and `long` in `npm run test:long`, which looks for the rare moment.
 */
export const often = <Count>(usual: Count, long: Count): Count =>
  process.env.TEST_LONG === '1' ? long : usual
