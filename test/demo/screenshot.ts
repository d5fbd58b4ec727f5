/** Takes the picture of the demo page for the README: two people in the room, the wire beside them. */
import { fileURLToPath } from 'node:url';
import { createGateway } from '../../src/gateway.ts';
import { buildPage, launch } from './browser.ts';

const OUT = new URL('../../docs/images/', import.meta.url);

/** Others are for looking at, and go where the first argument says. */
const elsewhere = process.argv[2];

await buildPage();
const gateway = createGateway({ dev: true, host: '127.0.0.1', port: 0 });
const { port } = await gateway.start();
const browser = await launch();
const url = `http://127.0.0.1:${port}/`;

async function person(name: string, options: Parameters<typeof browser.newContext>[0] = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 950 }, ...options });
  const page = await context.newPage();
  await page.goto(url);
  await page.getByText('connected', { exact: true }).waitFor();
  await page.getByLabel('you are').fill(name);
  await page.getByLabel('you are').blur();
  return {
    page,
    async says(text: string) {
      await page.getByLabel('Message', { exact: true }).pressSequentially(text, { delay: 12 });
      await page.keyboard.press('Enter');
      await page.waitForTimeout(350);
    },
  };
}

const loire = await person('Loire', { deviceScaleFactor: 1.2 });
const tagus = await person('Tagus', elsewhere === undefined ? {} : { colorScheme: 'dark' });

await tagus.says('Is anybody upstream?');
await loire.says('Yes. Both gates are open here.');
await loire.says('I will cut my socket now, write something meanwhile.');
await loire.page.getByRole('button', { name: 'Cut the socket' }).click();
await tagus.says('Can you hear me?');
await tagus.says('Apparently not.');
await loire.page.getByText('recovered: true', { exact: false }).first().waitFor();
await loire.says('Everything is here, and in order.');
await gateway.publish('chat', { text: 'hello from curl' });
await tagus.page.mouse.move(400, 300);
await tagus.page.mouse.move(420, 400, { steps: 8 });
await tagus.page.getByLabel('Message', { exact: true }).pressSequentially('And now', { delay: 30 });
await tagus.page.mouse.move(500, 547, { steps: 4 });
await loire.page.waitForTimeout(400);

const path = (name: string): string =>
  elsewhere === undefined ? fileURLToPath(new URL(name, OUT)) : `${elsewhere}/${name}`;
await loire.page.screenshot({ path: path('demo.png') });
if (elsewhere !== undefined) {
  await tagus.page.screenshot({ path: path('dark.png') });
  const phone = await person('Arno', {
    viewport: { width: 390, height: 844 },
    deviceScaleFactor: 2,
    hasTouch: true,
    isMobile: true,
  });
  await phone.says('And this from a phone.');
  await phone.page.screenshot({ path: path('phone.png'), fullPage: true });
}
await browser.close();
await gateway.close();
