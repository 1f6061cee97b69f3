"""The mock provider: answers every model call on loopback by the run's scripts, and keeps the ledger of what was asked.

Every call's figures differ from every other's, so that a wrong sum says which call is missing or counted twice.
"""

import gzip
import json
import re
import threading
import time
import zlib
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from . import wire
from .wire import Answer, Usage, identifier

PORT = 18080
URL = f"http://127.0.0.1:{PORT}"
GENERATE = re.compile(r"/models/([^/:]+):(stream)?[gG]enerateContent$")
# How long one side of a meeting waits for the other: two agents' starts on a busy machine.
MEETING_SECONDS = 90


class Provider:
    """`scripts`: name → steps. `refusals`: statuses of the first calls that offer tools; the last one stays if `for_good`."""

    def __init__(self, scripts, tool_call, folder, refusals=(), for_good=False):
        self.scripts, self.tool_call, self.folder = scripts, tool_call, Path(folder)
        self.refusals, self.for_good = list(refusals), for_good
        self.lock = threading.Condition()
        self.ledger, self.number, self.met, self.slow_pieces, self.writing, self.kept = [], 0, {}, 0, 0, 0
        self.server = ThreadingHTTPServer(("127.0.0.1", PORT), type("Bound", (Handler,), {"provider": self}))
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()
        with self.lock:
            lines = [json.dumps(entry) for entry in self.ledger]
        (self.folder / "ledger.jsonl").write_text("".join(line + "\n" for line in lines))

    def enter(self, **entry):
        with self.lock:
            self.ledger.append({"at": time.strftime("%H:%M:%S", time.gmtime()), **entry})
            self.lock.notify_all()

    def refuse(self, request):
        """The status with which this call is refused, if it is."""
        if not request.tools:
            return None
        with self.lock:
            if not self.refusals:
                return None
            return self.refusals[0] if self.for_good and len(self.refusals) == 1 else self.refusals.pop(0)

    def answer(self, request):
        with self.lock:
            self.number += 1
            number = self.number
        usage = Usage(input=1000 + 13 * number, output=40 + number, cache_read=5000 + 101 * number, cache_write=0)
        if request.wanted:
            return Answer(wire.SUMMARY if request.wanted == "summary" else wire.TITLE, usage=usage), request.wanted
        if request.script not in self.scripts:
            return Answer("All done.", usage=usage), "other"
        steps = self.scripts[request.script]
        step = steps[min(request.step, len(steps) - 1)]
        self.meet(step.get("meet"))
        usage.input = step.get("input", usage.input)
        calls = [] if "say" in step else [self.tool_call({**step, "result": request.result})]
        return Answer(step.get("say") or f"Step {request.step + 1}.", calls, usage, step.get("slow", False)), request.script

    def meet(self, place):
        """Waits until two conversations have come to the place."""
        if place is None:
            return
        with self.lock:
            self.met[place] = self.met.get(place, 0) + 1
            self.lock.notify_all()
            self.lock.wait_for(lambda: self.met[place] >= 2, MEETING_SECONDS)

    def count_writing(self, more):
        with self.lock:
            self.writing += more

    def has_said(self, text):
        with self.lock:
            return any(entry.get("text") == text for entry in self.ledger)

    def is_idle(self):
        """Whether no answer is on its way."""
        with self.lock:
            return self.writing == 0

    def wait_until_slow(self, seconds):
        """Whether an answer is on its slow way to the agent."""
        with self.lock:
            return self.lock.wait_for(lambda: self.slow_pieces >= 4, seconds)


class Handler(BaseHTTPRequestHandler):
    provider: Provider

    def log_message(self, *_):
        pass

    def do_GET(self):
        self.reply(404, {"error": {"message": "mock: not found", "type": "not_found_error"}})

    def do_HEAD(self):
        self.send_response(404)
        self.end_headers()

    def do_POST(self):
        body = self.read_body()
        api, body = self.api_of(body)
        if api is None:
            return
        request = wire.FORMATS[api][0](body)
        status = self.provider.refuse(request)
        entry = {"api": api, "model": request.model, "tools": len(request.tools)}
        self.keep(body)
        if status:
            self.provider.enter(outcome="refused", status=status, script=request.script, **entry)
            return self.reply(status, wire.refusal(api, status), {"retry-after": "1"})
        answer, kind = self.provider.answer(request)
        self.provider.count_writing(1)
        told = self.write(api, request, answer)
        self.provider.enter(outcome="told" if told else "broken", kind=kind, step=request.step, text=answer.text, **entry,
                            **vars(answer.usage))
        self.provider.count_writing(-1)

    def api_of(self, body):
        path = self.path.split("?")[0]
        for end, api in (("/messages", "messages"), ("/responses", "responses"), ("/chat/completions", "chat")):
            if path.endswith(end):
                return api, body
        generate = GENERATE.search(path)
        if generate:
            return "generate", {**body, "model": generate[1], "stream": bool(generate[2])}
        if path.endswith(("count_tokens", ":countTokens")):
            self.reply(200, {"input_tokens": 1200, "totalTokens": 1200})
        else:
            self.reply(404, {"error": {"message": "mock: not found", "type": "not_found_error"}})
        return None, body

    def read_body(self):
        raw = self.rfile.read(int(self.headers.get("content-length") or 0))
        encoding = self.headers.get("content-encoding")
        if encoding in ("gzip", "deflate"):
            raw = gzip.decompress(raw) if encoding == "gzip" else zlib.decompress(raw)
        try:
            return json.loads(raw or b"{}")
        except ValueError:
            return {}

    def keep(self, body):
        with self.provider.lock:
            self.provider.kept += 1
            number = self.provider.kept
        (self.provider.folder / f"request-{number:03}.json").write_text(json.dumps(body, indent=1))

    def reply(self, status, body, headers=None):
        data = json.dumps(body).encode()
        self.send_response(status)
        for name, value in {"content-type": "application/json", "content-length": str(len(data)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def write(self, api, request, answer):
        """Whether the agent read the answer to its end."""
        pieces = wire.FORMATS[api][1](request, answer)
        if not request.stream:
            self.reply(200, wire.whole(pieces, api), {"request-id": identifier("req_011C", 20)})
            return True
        try:
            self.send_response(200)
            for name, value in {"content-type": "text/event-stream", "connection": "close", "request-id": identifier("req_011C", 20),
                                "x-request-id": identifier("req_", 32)}.items():
                self.send_header(name, value)
            self.end_headers()
            self.close_connection = True
            for piece in pieces:
                if piece is None:
                    self.pause()
                    continue
                event, data = piece
                data = data if isinstance(data, str) else json.dumps(data)
                self.wfile.write(((f"event: {event}\n" if event else "") + f"data: {data}\n\n").encode())
                self.wfile.flush()
            return True
        except OSError:
            return False

    def pause(self):
        with self.provider.lock:
            self.provider.slow_pieces += 1
            self.provider.lock.notify_all()
        time.sleep(0.25)
