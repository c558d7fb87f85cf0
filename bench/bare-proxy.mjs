// The reference: node:http in, JSON.parse, undici dispatch out, and nothing in between.
// node bare-proxy.mjs PORT UPSTREAM_PORT
import http from 'node:http';
import { Pool } from 'undici';

const [port, upstreamPort] = process.argv.slice(2).map(Number);
const pool = new Pool(`http://127.0.0.1:${upstreamPort}`, { connections: null, pipelining: 1 });

/** Passes an answer on as it comes. */
class Relay {
  constructor(response) {
    this.response = response;
  }
  onRequestStart() {}
  onResponseStart(_controller, status, headers) {
    this.response.writeHead(status, { 'content-type': headers['content-type'] });
  }
  onResponseData(_controller, bytes) {
    this.response.write(bytes);
  }
  onResponseEnd() {
    this.response.end();
  }
  onResponseError(_controller, error) {
    this.response.destroy(error);
  }
}

http
  .createServer((request, response) => {
    const parts = [];
    request.on('data', (bytes) => parts.push(bytes));
    request.on('end', () => {
      const body = parts.length === 1 ? parts[0] : Buffer.concat(parts);
      JSON.parse(body);
      const headers = { 'content-type': 'application/json' };
      pool.dispatch({ path: request.url, method: 'POST', headers, body }, new Relay(response));
    });
  })
  .listen(port, '127.0.0.1');
