import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** The command of an nginx of one process that serves these `server` blocks, and keeps its files in the folder. */
export function nginx(folder: string, name: string, servers: string): string[] {
  const paths = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (kind) => `${kind}_temp_path ${folder}/${kind}-${name};`,
  );
  const file = join(folder, `${name}.conf`);
  writeFileSync(
    file,
    `worker_processes 1; daemon off; master_process off; pid ${folder}/${name}.pid; error_log ${folder}/${name}.log;
worker_rlimit_nofile 65536; events { worker_connections 32768; }
http { access_log off; client_max_body_size 16m; client_body_buffer_size 16m; keepalive_requests 100000000;
 ${paths.join(' ')} ${servers} }`,
  );
  return ['nginx', '-c', file];
}

/** A `server` block that passes everything on. */
export const proxyTo = (port: number, upstream: number): string =>
  `upstream u { server 127.0.0.1:${upstream}; keepalive 1024; keepalive_requests 100000000; }
server { listen 127.0.0.1:${port}; location / { proxy_pass http://u; proxy_http_version 1.1;
  proxy_set_header Connection ""; proxy_buffering off; } }`;

const models =
  '{"object":"list","data":[{"id":"gpt-4o-mini","object":"model","created":1780000000,"owned_by":"openai"}]}';

/** A `server` block that gives one answer to all, and lists the one model. nginx takes no parameter longer than 4 KB, but joins variables. */
export function staticAnswer(port: number, type: string, body: string): string {
  const pieces = body.match(/.{1,2000}/gs) ?? [];
  const variables = pieces.map((piece, i) => `set $piece${i} '${piece}';`).join(' ');
  const joined = pieces.map((_, i) => `\${piece${i}}`).join('');
  return `server { listen 127.0.0.1:${port};
  location /v1/models { default_type application/json; return 200 '${models}'; }
  location / { default_type ${type}; ${variables} return 200 '${joined}'; } }`;
}
