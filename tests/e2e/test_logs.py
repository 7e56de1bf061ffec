"""What the parts write down while they work, all of them."""

import base64
from pathlib import Path

from playhead import Client
from standalone.processes import free_port
from standalone.stack import Stack
from tests.e2e.truth import REQUEST
from tests.model_server.misbehaving import of_kind
from tests.model_server.running import ModelServer
from tests.polling import wait_until

JPEG = base64.b64encode(bytes.fromhex("ffd8ff")).decode()
"""How every picture begins that a model is shown."""


def test_no_log_has_keys_questions_titles_pictures_or_urls(client: Client, whole: Stack, model: ModelServer, video: Path) -> None:
    nowhere = f"http://127.0.0.1:{free_port()}/zebra?signature=zebra"
    hook = client.create_webhook(nowhere, events=["job.succeeded"])
    model.control.next(of_kind("broken"))
    uploaded = client.upload(video, title="zebra", request={**REQUEST, "instructions": "Look for the zebra crossing."})
    fetched = client.upload_url(nowhere)
    assert client.wait(uploaded.job.id, timeout=90).status == "succeeded"
    wait_until(lambda: [one for one in client.deliveries(hook.id) if one.attempts], "a message to have been tried", timeout_s=30)
    client.cancel(fetched.job.id)
    client.delete_webhook(hook.id)
    logs = {path.name: path.read_text(errors="replace") for path in whole.logs.iterdir()}
    for part, told in (("model", "localize_window"), ("webhook", "webhook.tried"), ("transfer", "fetch_video"), ("api", "/v1/videos")):
        assert told in logs[f"{part}.log"], part
    for secret in (whole.api_key, model.key, hook.secret, hook.secret.removeprefix("whsec_"), "zebra", JPEG, "Bearer"):
        assert [name for name, log in logs.items() if secret in log] == [], secret
