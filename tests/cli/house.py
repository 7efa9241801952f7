# SPDX-License-Identifier: MIT
"""What the tests of running pipelines share: a directory with pipelines in it, words to talk to them, and the running of the tests.

A test is a function called test_...(house) of the program that calls main(). It fails by raising, and may return a note.
"""
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time

TIME_LIMIT_S = 60
# Who starts the tests may ignore signals (nohup does), and a process that is born so rightly goes on ignoring them.
for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
    if signal.getsignal(number) == signal.SIG_IGN:
        signal.signal(number, signal.SIG_DFL)

weir = os.path.abspath(sys.argv[1]) if len(sys.argv) > 1 else sys.exit(sys.modules["__main__"].__doc__)


class Failure(Exception):
    pass


def same(what, is_value, should):
    if is_value != should:
        raise Failure("%s: %r instead of %r" % (what, is_value, should))


def has(what, text, part):
    if part not in text:
        raise Failure("%s: %r, in which there is no %r" % (what, text, part))


class House:
    """A directory of sockets, and the pipelines that a test has started there."""

    def __init__(self, directory):
        self.directory = directory
        self.environment = dict(os.environ, XDG_RUNTIME_DIR=directory, LC_ALL="C")
        self.started = []
        self.weir = weir

    def socket(self, name):
        return os.path.join(self.directory, "weir", name + ".sock")

    def ask(self, *words, status=0):
        """Runs the command; its exit status must be `status`. What it printed: standard output and standard error."""
        done = subprocess.run([weir, *words], env=self.environment, timeout=TIME_LIMIT_S, capture_output=True, text=True)
        same("exit status of weir %s (%s)" % (" ".join(words), done.stderr.strip()), done.returncode, status)
        return done.stdout + done.stderr

    def ask_either(self, *words):
        """The same, whatever its exit status."""
        done = subprocess.run([weir, *words], env=self.environment, timeout=TIME_LIMIT_S, capture_output=True, text=True)
        return done.stdout + done.stderr

    def ask_when_up(self, *words):
        """The same of a pipeline that was just started."""
        self.wait_listed(words[1])
        return self.ask(*words)

    def show(self, name):
        return json.loads(self.ask("show", name, "--json"))

    def run(self, name, expression, *options, **streams):
        streams = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **streams}
        process = subprocess.Popen([weir, "run", "-n", name, *options, expression], env=self.environment, cwd=self.directory,
                                   bufsize=0, **streams)
        self.started.append(process)
        return process

    def start(self, *words, **streams):
        """Starts a command that goes on for a while, such as a tap."""
        streams = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **streams}
        process = subprocess.Popen([weir, *words], env=self.environment, cwd=self.directory, bufsize=0, **streams)
        self.started.append(process)
        return process

    def run_and_greet(self, name, expression, *options):
        """Starts a pipeline that passes lines on, and waits until it does."""
        process = self.run(name, expression, *options)
        say(process, "hello")
        same("the first line", hear(process).lower(), "hello")
        return process

    def wait_until(self, name, is_so):
        """Asks for the pipeline's state until is_so(state) is true; each question waits for its answer. The state."""
        deadline = time.monotonic() + TIME_LIMIT_S
        while True:
            state = self.show(name)
            if is_so(state):
                return state
            if time.monotonic() > deadline:
                raise Failure("this did not come to be what was waited for: %r" % state)

    def wait_listed(self, name):
        """For pipelines that pass nothing on: asks until the name is known; each question waits for its answer."""
        while subprocess.run([weir, "show", name], env=self.environment, capture_output=True).returncode == 3:
            same("process ended early, status", self.started[-1].poll(), None)

    def close(self):
        for process in self.started:
            if process.poll() is None:
                process.kill()
            process.wait()
            for stream in (process.stdin, process.stdout, process.stderr):
                if stream:
                    stream.close()


def say(process, line):
    process.stdin.write(line.encode() + b"\n")


def hear(process):
    return process.stdout.readline().decode().rstrip("\n")


def end(process, status=0):
    """Closes standard input and waits. What is left of the output, and the errors."""
    output, errors = process.communicate(timeout=TIME_LIMIT_S)
    same("exit status of the run (%s)" % errors.decode(), process.returncode, status)
    return output.decode(errors="replace"), errors.decode()


def balanced(state):
    t = state["totals"]
    same("the account", t["admitted"] + t["created"],
         t["delivered"] + t["filtered"] + t["failed"] + t["returned"] + t["in_flight"])


class Client:
    def __init__(self, house, name):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(house.socket(name))
        self.socket.settimeout(TIME_LIMIT_S)
        self.lines = self.socket.makefile("rb")

    def ask(self, line):
        self.socket.sendall(line + b"\n")
        return json.loads(self.lines.readline())

    def close(self):
        self.lines.close()
        self.socket.close()


def give_up(number, frame):
    raise Failure("it waited for more than %d s" % (2 * TIME_LIMIT_S))


def main(tests):
    signal.signal(signal.SIGALRM, give_up)
    failures = 0
    for name, test in tests.items():
        if not name.startswith("test_"):
            continue
        if len(sys.argv) > 2 and not any(part in name for part in sys.argv[2:]):
            continue
        with tempfile.TemporaryDirectory() as directory:
            house = House(directory)
            try:
                signal.alarm(2 * TIME_LIMIT_S)
                note = test(house)
                print("ok     %s%s" % (name[5:].replace("_", " "), " (%s)" % note if note else ""), flush=True)
            except (Failure, subprocess.TimeoutExpired, OSError, ValueError, LookupError) as failure:
                kind = type(failure).__name__
                print("FAILED %s\n    %s: %s" % (name[5:].replace("_", " "), kind, failure), flush=True)
                failures += 1
            finally:
                signal.alarm(0)
                house.close()
    sys.exit("%d failed" % failures if failures else 0)
