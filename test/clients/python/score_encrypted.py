"""The client of Azure ML's tutorial of encrypted inference: `prepare` writes keys and requests, `decrypt` reads replies."""
import json
import sys
from pathlib import Path

from encrypted.inference.eiclient import EILinearRegressionClient

command, folder = sys.argv[1], Path(sys.argv[2])
if command == "prepare":
    client = EILinearRegressionClient()
    key_id, public_keys = client.get_public_keys()
    (folder / "keys.bin").write_bytes(public_keys)
    rows = json.loads((folder / "rows.json").read_text())
    requests = [client.encrypt(row) for row in rows]
    (folder / "requests.json").write_text(
        json.dumps({"secret_key": client.secret_key(), "key_id": key_id, "requests": requests})
    )
else:
    client = EILinearRegressionClient(json.loads((folder / "requests.json").read_text())["secret_key"])
    replies = json.loads((folder / "replies.json").read_text())
    print(json.dumps([client.decrypt(reply).tolist() for reply in replies]))
