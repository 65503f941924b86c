#!/usr/bin/python3
"""A cache outside the database that listening keeps right: psycopg 3.

Connects as libpq's environment variables say.  Reads lines of "user name" and
prints "loaded" or "cached" and the configuration; "dropped" and how many entries
when a transaction has changed them, "listening" after each connect.

What makes it right: loads go over the connection that listens, so that what a load
did not see is told after its result; and what was cached before a connect is
forgotten, since nobody told us of changes meanwhile. Anybody who may connect may
notify: what cannot be read says that everything is to be forgotten.
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
        self.conn.pgconn.notify_handler = lambda notify: self.invalidate(notify.extra)
        print("listening", flush=True)

    def invalidate(self, payload):
        slices = self.read(payload)
        stale = [(user, name) for user, name in self.entries
                 if any(s[0] in (None, user) and s[1] in (None, name) for s in slices)]
        for key in stale:
            del self.entries[key]
        print("dropped", len(stale), flush=True)

    @staticmethod
    def read(payload):
        """What a payload says to forget: users and names, of which None is any.

        Whose domain a user's is we do not know: any may be it.
        """
        try:
            change = json.loads(payload)
            if change["v"] == 1 and "all" not in change and isinstance(change["slices"], list):
                return [(s["id"] if s["kind"] == "user" else None, s.get("name"))
                        for s in change["slices"]]
        except (ValueError, TypeError, LookupError, RecursionError):
            pass
        return [(None, None)]

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
                self.invalidate(notify.extra)
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
