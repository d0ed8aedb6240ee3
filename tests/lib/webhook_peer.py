#!/usr/bin/env python3
"""Recording HTTP receivers for tests, one per manner, on ports of their own.

   webhook_peer.py DIR MANNER=PORT…

Each request becomes a line of JSON in DIR/MANNER.jsonl: path, headers, body, time. Manners:
any other (200), late (200 after half a second), error (500), refuse (400), redirect (302 to the
good one's port), hang (never answers), huge (200 and 10 GB), flaky (500 twice, then 200).
Ends with SIGTERM."""
import http.server
import json
import socketserver
import sys
import threading
import time


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 128


def handler(folder, manner, ports):
    lock = threading.Lock()
    seen = {"n": 0}

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_):
            pass

        def answer(self, status, headers=()):
            self.send_response(status)
            for name, value in headers:
                self.send_header(name, value)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def do_POST(self):
            body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            with lock:
                seen["n"] += 1
                count = seen["n"]
                with open(f"{folder}/{manner}.jsonl", "a", encoding="utf-8") as out:
                    out.write(json.dumps({"at": time.time(), "path": self.path,
                                          "headers": dict(self.headers),
                                          "body": body.decode("utf-8", "replace")}) + "\n")
            if manner == "late":
                time.sleep(0.5)
            if manner not in ("error", "refuse", "redirect", "flaky", "hang", "huge"):
                self.answer(200)
            elif manner == "error":
                self.answer(500)
            elif manner == "refuse":
                self.answer(400)
            elif manner == "redirect":
                self.answer(302, [("Location", f"http://127.0.0.1:{ports['good']}/moved")])
            elif manner == "flaky":
                self.answer(500 if count <= 2 else 200)
            elif manner == "hang":
                time.sleep(3600)
            elif manner == "huge":
                self.huge()

        def huge(self):
            size = 10 * 1024 ** 3
            self.send_response(200)
            self.send_header("Content-Length", str(size))
            self.end_headers()
            block, sent = b"x" * 65536, 0
            try:
                while sent < size:
                    self.wfile.write(block)
                    sent += len(block)
            except OSError:
                pass
            with open(f"{folder}/huge.sent", "a", encoding="utf-8") as out:
                out.write(f"{sent}\n")
            self.close_connection = True

    return Handler


def main():
    folder, ports = sys.argv[1], {}
    for word in sys.argv[2:]:
        manner, port = word.split("=")
        ports[manner] = int(port)
    for manner, port in ports.items():
        server = Server(("127.0.0.1", port), handler(folder, manner, ports))
        threading.Thread(target=server.serve_forever, daemon=True).start()
    print("ready", flush=True)
    threading.Event().wait()


if __name__ == "__main__":
    main()
