/** What clients may send, and what they hear when it is something else. */
import { Refusal } from 'sluice';
import { z } from 'zod';

export const Echo = z.object({ text: z.string().min(1).max(1000) });

const Sensor = z.string().min(1).max(100);

export const Readings = z
  .array(z.object({ sensor: Sensor, value: z.number() }))
  .min(1)
  .max(1000);

export const Page = z.object({
  after: z.coerce.number().int().min(0).default(0),
  limit: z.coerce.number().int().min(1).max(1000).default(100),
});

export const Batch = z.array(z.unknown()).min(1).max(100);

export const Measurement = z.object({ sensor: Sensor, count: z.number().int().min(1).max(10_000) });

/** @throws {Refusal} that says what is wrong: a route answers it with 400, and a task ends with it. */
export function valid<T>(schema: z.ZodType<T>, value: unknown): T {
  const { success, data, error } = schema.safeParse(value);
  if (success) return data;
  const [issue] = error.issues;
  const at = issue?.path.join('.') || 'body';
  throw new Refusal('badRequest', `${at}: ${issue?.message}`);
}
