/** Some thousand histories of a bad network; many more are in the long lane. */
import { test } from 'vitest';
import { expectNoFailure } from './simulation/seeds.ts';

/** One seed that failed can be run alone. */
const FIRST = Number(process.env['SIMULATION_FIRST'] ?? 1);
const SEEDS = Number(process.env['SIMULATION_SEEDS'] ?? 4000);

test(`${SEEDS} histories of a bad network lose nothing in silence`, { timeout: 600_000 }, () =>
  expectNoFailure(FIRST, SEEDS),
);
