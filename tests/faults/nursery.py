"""Runs the command again and again in forks of one process that has it loaded: start-up is over.

Each line of standard input is a request in JSON, each line of standard output its answer:
{"run": [arguments], "env": {...}, "folder": path, "umask": number, "limits": {name: number},
"user": number, "ignored": number of a signal} gives the process id; a limit of AS is on top of what
this process has;
{"wait": process id} gives the exit code, negative for a signal. The first answer says: ready.
Standard output and error of a run go to the files "stdout" and "stderr" of its folder.
"""

import json
import os
import resource
import signal
import sys
import time
from pathlib import Path


def run(request):
    """Become the command."""
    os.setpgid(0, 0)
    os.environ.update(request["env"])
    time.tzset()
    os.umask(request["umask"])
    os.chdir(request["folder"])
    for descriptor, name in ((0, os.devnull), (1, "stdout"), (2, "stderr")):
        flags = os.O_RDONLY if descriptor == 0 else os.O_WRONLY | os.O_CREAT | os.O_APPEND
        opened = os.open(name, flags, 0o644)
        os.dup2(opened, descriptor)
        os.close(opened)
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    for name, number in request["limits"].items():
        limit = number + pages * os.sysconf("SC_PAGE_SIZE") if name == "AS" else number
        resource.setrlimit(getattr(resource, f"RLIMIT_{name}"), (limit, limit))
    if request["user"] is not None:
        os.setgroups([])
        os.setresgid(*3 * [request["user"]])
        os.setresuid(*3 * [request["user"]])
    if request["ignored"] is not None:
        signal.signal(request["ignored"], signal.SIG_IGN)
    sys.argv = ["maskprep", *request["run"]]
    main()


def serve():
    for line in sys.stdin:
        request = json.loads(line)
        if "wait" in request:
            _, status = os.waitpid(request["wait"], 0)
            answer = os.waitstatus_to_exitcode(status)
        else:
            answer = os.fork()
            if answer == 0:
                run(request)
        sys.stdout.write(f"{answer}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    from maskprep.__main__ import main
    from maskprep.cli import app

    signal.signal(signal.SIGINT, signal.SIG_DFL)
    for arguments in json.loads(sys.argv[1]):
        app.app(arguments, standalone_mode=False)
    sys.stdout.write("0\n")
    sys.stdout.flush()
    serve()
