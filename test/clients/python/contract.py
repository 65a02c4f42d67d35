"""Reads commands as JSON lines and answers each with one JSON line, for all Python clients.

The contract is test/clients/README.md. Nothing is judged here: every check is made by the runner.
"""

import base64
import json
import os
import queue
import sys
import threading


def security(names):
    """What protects connections, by the client's own names of settings."""
    settings = json.loads(os.environ.get("MILLRACE_CLIENT_SECURITY", "{}"))
    return {name: settings[key] for key, name in names.items() if key in settings}


def to_base64(value):
    return None if value is None else base64.b64encode(value).decode()


def from_base64(text):
    return None if text is None else base64.b64decode(text)


def record(partition, offset, timestamp, key, value, headers):
    return {
        "partition": partition,
        "offset": offset,
        "timestamp": timestamp,
        "key": to_base64(key),
        "value": to_base64(value),
        "headers": [[name, to_base64(bytes)] for name, bytes in headers or []],
    }


def headers_of(json_record):
    return [(name, from_base64(value)) for name, value in json_record["headers"]]


class Member(threading.Thread):
    """A member of a group. Consumers belong to one thread, so commands reach it through a queue.

    A client's own class gives open(), poll(), commit(), assigned() and close(); `assignments` counts
    what its rebalance listener was told, and poll() returns the positions of what it received.
    """

    def __init__(self, arguments):
        super().__init__(daemon=True)
        self.arguments = arguments
        self.commands = queue.Queue()
        self.assignments = 0
        self.seen = []
        self.is_leaving = False
        self.failure = None
        self.start()

    def run(self):
        try:
            self.open()
            while not self.is_leaving:
                while not self.commands.empty():
                    command, answer = self.commands.get()
                    answer.put(attempt(command))
                if not self.is_leaving:
                    self.seen.extend(self.poll())
            self.close()
        except Exception as error:
            self.failure = error

    def in_thread(self, command):
        answer = queue.Queue()
        self.commands.put((command, answer))
        while True:
            try:
                kind, value = answer.get(timeout=0.1)
            except queue.Empty:
                if self.failure is not None:
                    raise self.failure
                continue
            if kind == "error":
                raise value
            return value

    def status(self):
        return {"assigned": self.assigned(), "assignments": self.assignments, "seen": list(self.seen)}

    def commit_and_report(self):
        self.commit()
        return self.status()

    def leave(self):
        status = self.in_thread(self.begin_leave)
        self.join()
        if self.failure is not None:
            raise self.failure
        return status

    def begin_leave(self):
        self.is_leaving = True
        return self.status()


def attempt(command):
    try:
        return "value", command()
    except Exception as error:
        return "error", error


def member_verbs(member_class, has_consumer_protocol=False):
    """`has_consumer_protocol`: whether members can speak the new protocol of consumer groups (KIP-848)."""
    members = {}

    def join(arguments):
        members[arguments["member"]] = member_class(arguments)

    def status(arguments):
        member = members[arguments["member"]]
        return member.in_thread(member.status)

    def commit(arguments):
        member = members[arguments["member"]]
        return member.in_thread(member.commit_and_report)

    def leave(arguments):
        return members.pop(arguments["member"]).leave()

    def join_consumer_group(arguments):
        join(dict(arguments, protocol="consumer"))

    verbs = {"join": join, "member": status, "commit": commit, "leave": leave}
    if has_consumer_protocol:
        verbs["joinConsumerGroup"] = join_consumer_group
    return verbs


def serve(verbs):
    for line in sys.stdin:
        command = json.loads(line)
        answer = {"id": command["id"]}
        verb = verbs.get(command["verb"])
        if verb is None:
            answer["unsupported"] = "no such verb"
        else:
            kind, value = attempt(lambda: verb(command))
            if kind == "error":
                answer["error"] = type(value).__name__ + ": " + str(value)
            else:
                answer["result"] = value or {}
        print(json.dumps(answer), flush=True)
