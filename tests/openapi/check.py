"""Starts a kiosk, makes a merchant, a key, a person and something to look at, and runs schemathesis over /v1/openapi.json."""

import json
import os
import random
import subprocess
import sys
import tempfile
import urllib.request

youji, schemathesis = sys.argv[1:]
examples = os.environ.get("YOUJI_EXAMPLES", "15")
seed = os.environ.get("YOUJI_SEED") or str(random.randrange(2**32))
WHO = ["--publisher", "publisher", "--merchant", "stall"]


def ask(address, method, path, body=None, headers=None):
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(address + path, data, {"content-type": "application/json", **(headers or {})}, method=method)
    with urllib.request.urlopen(request, timeout=60) as answer:
        return answer.headers, json.load(answer)


with tempfile.TemporaryDirectory() as data:
    folder = ["--data", data]
    subprocess.run([youji, "merchant", "enrol", *WHO, "--en", "Stall", *folder], check=True, stdout=subprocess.DEVNULL)
    made = subprocess.run([youji, "merchant", "key", "create", *WHO, "--name", "check", "--json", *folder], check=True, stdout=subprocess.PIPE)
    key = {"authorization": "Bearer " + json.loads(made.stdout)["token"]}
    # A rate is for devices; this is one that sends as fast as it can.
    host = subprocess.Popen([youji, "serve", "--port", "0", "--json", "--no-open", *folder], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    try:
        address = json.loads(host.stdout.readline())["address"]
        origin = {"origin": address}
        cookies, _ = ask(address, "POST", "/api/visitor", {}, origin)
        cookie = cookies["set-cookie"].split(";")[0]
        # So that lists are not empty, and there is a notification to read.
        for number in range(3):
            new = {"order": f"A-{number}", "description": "Tea", "amount": "1.00", "currency": "CNY", "notify_url": "http://shop.invalid/"}
            _, intent = ask(address, "POST", "/v1/payment_intents", new, {**key, "idempotency-key": f"k{number}"})
        ask(address, "POST", f"/v1/payment_intents/{intent['id']}/cancel", {}, {**key, "idempotency-key": "c"})
        print(f"YOUJI_SEED={seed} tests/openapi/run", flush=True)
        checks = "not_a_server_error,content_type_conformance,response_schema_conformance"
        command = [schemathesis, "run", address + "/v1/openapi.json", "--url", address, "--checks", checks, "-n", examples, "--seed", seed]
        command += ["--max-time", "60", "--rate-limit", "80/s", "--no-color", "--warnings", "off", "--continue-on-failure"]
        command += ["-H", "Authorization: " + key["authorization"], "-H", "Cookie: " + cookie, "-H", "Origin: " + address]
        done = subprocess.run(command, check=False).returncode
        health = urllib.request.urlopen(address + "/healthz", timeout=60).status
        ledger = host.poll()
    finally:
        host.terminate()
        host.wait(60)
    verified = subprocess.run([youji, "ledger", "verify", *folder], check=False).returncode
    sys.exit(done or (0 if health == 200 and ledger is None else 1) or verified)
