// A cache outside the database that listening keeps right: Node.js with pg.
//
// Connects as libpq's environment variables say.  Reads lines of "user name" and
// prints "loaded" or "cached" and the configuration; "dropped" and how many entries
// when a transaction has changed them, "listening" after each connect.
//
// What makes it right: loads go over the connection that listens, so that what a
// load did not see is told after its result; and what was cached before a connect is
// forgotten, since nobody told us of changes meanwhile.  Anybody who may connect may
// notify: what cannot be read says that everything is to be forgotten.
'use strict';
const readline = require('readline');
const { Client } = require('pg');

class Cache {
  entries = new Map();
  client = null;

  async connect() {
    this.entries.clear();
    const client = new Client();
    const lost = () => {
      if (this.client !== client) return;
      this.client = null;
      this.entries.clear();
      console.log('lost');
    };
    client.on('notification', (message) => this.invalidate(message.payload));
    client.on('error', lost);
    client.on('end', lost);
    await client.connect();
    await client.query('LISTEN cache_ext');
    this.client = client;
    console.log('listening');
  }

  invalidate(payload) {
    const slices = read(payload);
    let dropped = 0;
    for (const [key, { user, name }] of this.entries) {
      if (slices.some((s) => (s.user ?? user) === user && (s.name ?? name) === name)) {
        this.entries.delete(key);
        dropped++;
      }
    }
    console.log('dropped', dropped);
  }

  async get(user, name) {
    if (!this.client) await this.connect();
    const key = JSON.stringify([user, name]);
    if (this.entries.has(key)) return ['cached', await this.entries.get(key).config];
    // The place is taken before the load: should a change be heard together with the
    // result, it is gone after it. Who asks meanwhile waits for the same load.
    const config = this.client.query(
      'SELECT cache_ext.get_merged_config_json($1, $2)::text AS config', [user, name],
    ).then((result) => result.rows[0].config);
    const entry = { user, name, config };
    this.entries.set(key, entry);
    try {
      return ['loaded', await config];
    } catch (error) {
      if (this.entries.get(key) === entry) this.entries.delete(key);
      throw error;
    }
  }
}

// What a payload says to forget: users and names, of which undefined is any.  Whose
// domain a user's is we do not know: any may be it.
function read(payload) {
  try {
    const change = JSON.parse(payload);
    if (change.v === 1 && !change.all && Array.isArray(change.slices)) {
      return change.slices.map(({ kind, id, name }) =>
        ({ user: kind === 'user' ? id : undefined, name }));
    }
  } catch {
    // It is not ours.
  }
  return [{}];
}

async function main() {
  const cache = new Cache();
  await cache.connect();
  for await (const line of readline.createInterface({ input: process.stdin })) {
    try {
      console.log(...await cache.get(...line.split(' ')));
    } catch (error) {
      console.log('error', error.message);
    }
  }
  if (cache.client) await cache.client.end();
}

main();
