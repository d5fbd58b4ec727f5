/** nginx with nchan, where there are both: one worker, as the others are one process. */
import { existsSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../harness/redis.ts';
import { startProgram } from './external.ts';
import type { System } from './system.ts';
import { Absent, alone } from './system.ts';

/** Where Debian's libnginx-mod-nchan puts it. */
const MODULE = '/usr/lib/nginx/modules/ngx_nchan_module.so';

export const system: System = {
  dialect: 'nchan',
  async start(options) {
    alone(options);
    if (!existsSync(MODULE)) throw new Absent('libnginx-mod-nchan is not installed');
    const port = await freePort();
    const folder = mkdtempSync(join(tmpdir(), 'bench-nchan-'));
    const config = join(folder, 'nginx.conf');
    writeFileSync(config, configOf(port, folder));
    return startProgram({ program: 'nginx', args: ['-c', config] }, port);
  },
};

/** One process does all, so that its time is what is measured. */
function configOf(port: number, folder: string): string {
  return `
load_module ${MODULE};
daemon off;
master_process off;
pid ${folder}/nginx.pid;
error_log stderr error;
worker_rlimit_nofile 20000;
events { worker_connections 15000; }
http {
  access_log off;
  client_body_temp_path ${folder}/body;
  proxy_temp_path ${folder}/proxy;
  fastcgi_temp_path ${folder}/fastcgi;
  uwsgi_temp_path ${folder}/uwsgi;
  scgi_temp_path ${folder}/scgi;
  nchan_max_reserved_memory 1024m;
  server {
    listen 127.0.0.1:${port} backlog=4096;
    location ~ ^/hear/(.+)$ {
      nchan_subscriber websocket;
      nchan_channel_id $1;
      nchan_subscriber_first_message newest;
    }
    location ~ ^/speak/(.+)$ {
      nchan_publisher websocket;
      nchan_channel_id $1;
      nchan_message_buffer_length 1000;
      nchan_message_timeout 30s;
    }
  }
}
`;
}
