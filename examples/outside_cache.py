#!/usr/bin/python3
"""A cache outside the database that listening keeps right: psycopg 3.

Connects as libpq's environment variables say.  Reads lines of "user name" and
prints "loaded" or "cached" and the configuration; "dropped" and how many entries
when a transaction has changed them, "listening" after each connect.

What makes it right: loads go over the connection that listens, so that what a load
did not see is told after its result; and what was cached before a connect is
forgotten, since nobody told us of changes meanwhile.
"""
import json
import select
import sys

import psycopg


class Cache:
    def __init__(self):
        self.conn = None
        self.entries = {}

    def connect(self):
        self.entries.clear()
        self.conn = psycopg.connect(autocommit=True)
        self.conn.execute("LISTEN cache_ext")
        self.conn.add_notify_handler(lambda notify: self.invalidate(notify.payload))
        print("listening", flush=True)

    def invalidate(self, payload):
        change = json.loads(payload)
        stale = [key for key in self.entries if self.concerns(change, *key)]
        for key in stale:
            del self.entries[key]
        print("dropped", len(stale), flush=True)

    @staticmethod
    def concerns(change, user, name):
        """Does it?  Whose domain a user's is we do not know: any may be it."""
        return "all" in change or any(
            s.get("name", name) == name and (s["scope"] != "user" or s["id"] == user)
            for s in change["slices"])

    def get(self, user, name):
        if self.conn is None or self.conn.closed:
            self.connect()
        key = (user, name)
        if key in self.entries:
            return "cached", self.entries[key]
        # The place is taken before the load: should a change be heard together with
        # the result, it is gone after it.
        self.entries[key] = None
        try:
            config = self.conn.execute(
                "SELECT cache_ext.get_merged_config_json(%s, %s)::text", key).fetchone()[0]
        except BaseException:
            self.entries.pop(key, None)
            raise
        if key in self.entries:
            self.entries[key] = config
        return "loaded", config

    def hear(self):
        """Take what the server sent while we did not ask for anything."""
        try:
            self.conn.pgconn.consume_input()
            while notify := self.conn.pgconn.notifies():
                self.invalidate(notify.extra.decode())
        except psycopg.OperationalError:
            self.conn.close()
            self.entries.clear()
            print("lost", flush=True)


cache = Cache()
cache.connect()
while True:
    sources = [sys.stdin] if cache.conn.closed else [sys.stdin, cache.conn]
    ready = select.select(sources, [], [])[0]
    if cache.conn in ready:
        cache.hear()
    if sys.stdin in ready:
        line = sys.stdin.readline().split()
        if not line:
            break
        try:
            print(*cache.get(*line), flush=True)
        except psycopg.OperationalError as error:
            print("error", str(error).splitlines()[0], flush=True)
