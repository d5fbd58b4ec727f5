/** Other histories than the quick lane has, and many more. */
import { test } from 'vitest';
import { expectNoFailure } from './simulation/seeds.ts';

const FIRST = 100_001;
const SEEDS = 20_000;

test(`${SEEDS} histories of a bad network lose nothing in silence`, () =>
  expectNoFailure(FIRST, SEEDS));
