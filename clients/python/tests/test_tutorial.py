"""
The programs of Azure Machine Learning's tutorials, with the import changed, against an app that runs.

The project's models and keys are in its folder, or in Azurite and a vault's double, whose token is SCORING_TEST_VAULT_TOKEN.
"""

import gzip
import json
import os
import socket
import ssl
import tempfile
import time
import unittest
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from datetime import datetime, timedelta, timezone
from pathlib import Path
from threading import Event, Thread
from typing import Any

import requests
from azure.core.credentials import AccessToken
from scoring_functions import (
    AciWebservice,
    AksWebservice,
    BatchJob,
    InferenceConfig,
    JobException,
    LocalWebservice,
    Model,
    ModelNotFoundException,
    Webservice,
    WebserviceException,
    Workspace,
    WorkspaceException,
)
from scoring_functions.files import FolderFiles
from scoring_functions.keys import KeyFile, NoKeys, VaultKeys
from scoring_functions.registry import ModelFile, ModelRegistry
from scoring_functions.time_limit import TimeLimit
from urllib3.util.ssltransport import SSLTransport

PROJECT = os.environ["SCORING_TEST_PROJECT"]
URL = os.environ["SCORING_TEST_URL"]
SAMPLES = Path(os.environ["SCORING_TEST_SAMPLES"])
DIABETES = json.loads((SAMPLES / "diabetes/sample.json").read_text())
#: What Azure Machine Learning's own example publishes for these two rows.
SCORES = [217.67978776218715, 224.78937091757172]


class VaultToken:
    """The only credential that the double of the vault takes."""

    def get_token(self, *_scopes: str, **_options: Any) -> AccessToken:
        return AccessToken(os.environ["SCORING_TEST_VAULT_TOKEN"], int(time.time()) + 3600)


def open_workspace() -> Workspace:
    workspace = Workspace.from_folder(PROJECT, url=URL)
    if isinstance(workspace.keys, VaultKeys):
        # The double is on this machine, and its challenge names the domain of Azure's vaults.
        workspace.keys = VaultKeys(os.environ["KEY_VAULT_URL"], VaultToken(), verify_challenge_resource=False)
    return workspace


def run_until(done: Event, service: Webservice) -> int:
    """Scores again and again; returns how often."""
    count = 0
    while count == 0 or not done.is_set():
        assert service.run(DIABETES) == SCORES
        count += 1
    return count


class Tutorial(unittest.TestCase):
    def test_register_deploy_score_regenerate_update_list_delete(self) -> None:
        ws = open_workspace()
        model = Model.register(
            workspace=ws,
            model_path=str(SAMPLES / "diabetes/1/model.onnx"),
            model_name="sklearn_regression_model",
            tags={"area": "diabetes", "type": "regression"},
            description="Ridge regression model to predict diabetes",
            model_framework="ScikitLearn",
        )
        self.assertEqual((model.name, model.version), ("sklearn_regression_model", 1))
        self.assertEqual(model.properties, {"model_framework": "ScikitLearn"})

        inference_config = InferenceConfig(sample=DIABETES)
        deployment_config = AciWebservice.deploy_configuration(
            cpu_cores=1, memory_gb=1, tags={"data": "diabetes"}, description="Predict diabetes", auth_enabled=True
        )
        service = Model.deploy(ws, "py-diabetes", [model], inference_config, deployment_config)
        service.wait_for_deployment(show_output=True)
        self.assertEqual(service.state, "Healthy")
        self.assertEqual((service.auth_enabled, service.token_auth_enabled), (True, False))
        self.assertEqual(service.scoring_uri, f"{URL}/api/v1/service/py-diabetes/score")

        self.assertEqual(service.run(input_data=json.dumps(DIABETES)), SCORES)
        self.assertEqual(service.run(json.dumps(DIABETES).encode("utf8")), SCORES)
        self.assertEqual(service.run(DIABETES["data"]), SCORES)

        log = Path(PROJECT, ".local/app.log")
        log.write_text("[other] x\n[py-diabetes] one\n[py-diabetes/blue] two\n")
        self.assertEqual(service.get_logs(num_lines=1), "[py-diabetes/blue] two\n")

        primary, secondary = service.get_keys()
        assert primary is not None and secondary is not None
        service.regen_key("Primary")
        self.assertNotEqual(service.get_keys()[0], primary)
        self.assertEqual(service.get_keys()[1], secondary)
        self.assertEqual(service.run(DIABETES), SCORES)
        other = Webservice(ws, "py-diabetes")
        other.regen_key("Primary", set_key="0123456789abcdef0123456789abcdef")
        self.assertEqual(service.run(DIABETES), SCORES)  # a stale key is read again

        done = Event()
        with ThreadPoolExecutor(4) as callers:
            counts = [callers.submit(run_until, done, Webservice(ws, "py-diabetes")) for _ in range(4)]
            try:
                second = Model.register(ws, str(SAMPLES / "diabetes/1/model.onnx"), "sklearn_regression_model")
                service.update(models=[second], inference_config=inference_config, tags={"data": "diabetes", "stage": "two"})
                service.wait_for_deployment()
            finally:
                done.set()
            for count in counts:
                self.assertGreater(count.result(), 0)  # none has failed
        self.assertEqual(list(service.model_ids), ["sklearn_regression_model:2"])
        self.assertEqual(service.run(DIABETES), SCORES)
        with self.assertRaisesRegex(WebserviceException, "No parameters provided to update."):
            service.update()

        self.assertEqual([each.name for each in Webservice.list(ws, model_name="sklearn_regression_model")], ["py-diabetes"])
        self.assertEqual([each.name for each in Webservice.list(ws, tags=[["stage", "two"]])], ["py-diabetes"])
        self.assertIn("py-diabetes", ws.webservices)
        self.assertEqual([each.id for each in Model.list(ws, name="sklearn_regression_model")], [model.id, second.id])
        self.assertEqual(Model(ws, "sklearn_regression_model").version, 2)
        copied = second.download(os.path.join(PROJECT, "downloads"))
        self.assertEqual(Path(copied, "model.onnx").read_bytes(), (SAMPLES / "diabetes/1/model.onnx").read_bytes())
        keys = service.get_keys()
        service.delete()
        with self.assertRaisesRegex(WebserviceException, 'WebserviceNotFound: there is no service "py-diabetes"'):
            service.regen_key("primary")
        self.assertEqual(service.get_keys(), keys)
        self.assertEqual([each.name for each in Webservice.list(ws, model_name="sklearn_regression_model")], [])
        with self.assertRaisesRegex(WebserviceException, "WebserviceNotFound"):
            Webservice(ws, "py-diabetes")
        model.delete()
        with self.assertRaises(ModelNotFoundException):
            Model(ws, id=model.id)

    def test_script_and_errors_of_the_service(self) -> None:
        ws = open_workspace()
        model = Model.register(ws, str(SAMPLES / "iris/1/model.onnx"), "iris")
        config = InferenceConfig(entry_script="score.ts", source_directory=os.environ["SCORING_TEST_SCRIPTS"])
        service = Model.deploy(ws, "py-iris", [model], config, LocalWebservice.deploy_configuration())
        with self.assertRaises(WebserviceException) as refused:
            service.wait_for_deployment()  # the script loads a model of another name
        self.assertIn("cannot be served", str(refused.exception))
        service.delete()
        # A model that has the name of its service is not copied.
        own = Model.register(ws, str(SAMPLES / "diabetes/1/model.onnx"), "py-plain")
        plain = Model.deploy(ws, "py-plain", [own], deployment_config=AksWebservice.deploy_configuration(auth_enabled=False))
        plain.wait_for_deployment()
        self.assertFalse(plain.auth_enabled)
        self.assertEqual(plain.run(DIABETES), SCORES)
        with self.assertRaises(WebserviceException) as failure:
            plain.run({"data": [[1.0]]})
        self.assertEqual((failure.exception.status_code, failure.exception.code), (400, "INPUT_SHAPE_MISMATCH"))
        with tempfile.TemporaryDirectory() as folder:
            copied = own.download(folder)
            self.assertEqual(Path(copied, "model.onnx").read_bytes(), (SAMPLES / "diabetes/1/model.onnx").read_bytes())

    def test_batch_jobs(self) -> None:
        ws = open_workspace()
        model = Model.register(ws, str(SAMPLES / "diabetes/1/model.onnx"), "py-nightly")
        service = Model.deploy(ws, "py-nightly", [model])
        service.wait_for_deployment()
        job = BatchJob.submit(service, {"jobId": "small", "input": {"rows": [*DIABETES["data"], [1]]}})
        done = job.wait()
        self.assertEqual((done["progress"]["succeeded"], done["progress"]["failed"]), (2, 1))
        results = list(job.results())
        self.assertEqual([each.get("prediction") for each in results], [*SCORES, None])
        self.assertEqual(results[2]["error"]["code"], "INPUT_SHAPE_MISMATCH")
        self.assertEqual([each["jobId"] for each in BatchJob.list(service)], ["small"])
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "two rows.jsonl")
            path.write_text("".join(f"{json.dumps(row)}\n" for row in DIABETES["data"]))
            sent = BatchJob.submit_file(service, str(path), {"jobId": "sent", "maxRetries": 1})
            sent.wait()
            self.assertEqual([each["prediction"] for each in sent.results()], SCORES)
            self.assertEqual(BatchJob.submit_file(service, str(path), {"jobId": "sent", "maxRetries": 1}).job_id, "sent")
        failed = BatchJob.submit(service, {"input": {"rows": [[1], [1]]}, "errorThreshold": 0})
        with self.assertRaises(JobException) as ended:
            failed.wait()
        self.assertEqual(ended.exception.job["error"]["code"], "ERROR_THRESHOLD_EXCEEDED")

        packed = BatchJob.submit(
            service,
            {"input": {"rows": DIABETES["data"]}, "output": {"format": "csv", "isGzip": True}},
        )
        packed.wait()
        with self.assertRaisesRegex(WebserviceException, "read them with download"):
            list(packed.results())
        with tempfile.TemporaryDirectory() as folder:
            text = gzip.decompress(Path(packed.download(f"{folder}/out.csv.gz")).read_bytes()).decode()
        self.assertEqual(
            text.splitlines(),
            ["index,prediction,error_code,error_message", *(f"{index},{score},," for index, score in enumerate(SCORES))],
        )
        midnight = datetime.now(timezone.utc).replace(hour=0, minute=0, second=0)
        of_today = BatchJob.list(service, status="Completed,Failed", since=midnight - timedelta(days=1))
        self.assertEqual([each["jobId"] for each in of_today], [packed.job_id, failed.job_id, "sent", "small"])
        self.assertEqual(list(BatchJob.list(service, since=midnight + timedelta(days=2))), [])
        large = BatchJob.submit(service, {"input": {"rows": DIABETES["data"] * 2000}, "miniBatchSize": 10})
        for each in (large, job, sent, failed, packed, packed, BatchJob(service, "never")):
            each.delete()  # the large one runs, and is cancelled first
        self.assertEqual(list(BatchJob.list(service)), [])

    def test_packages_a_model_with_the_app(self) -> None:
        ws = open_workspace()
        model = Model.register(ws, str(SAMPLES / "diabetes/1/model.onnx"), "py-packed")
        services = os.listdir(Path(PROJECT, "models"))
        package = Model.package(ws, [model], InferenceConfig(sample=DIABETES), generate_dockerfile=True, image_name="py-risk")
        package.wait_for_creation(show_output=True)
        self.assertEqual((package.state, package.location), ("Succeeded", os.path.join(os.path.realpath(PROJECT), "out/py-risk.zip")))
        self.assertRegex(str(package.get_logs()), r"\npy-risk: py-packed:1\n.*py-risk\.zip: 1\d\.\d\d MB for linux-x64, without images\nSHA-256 ")
        with tempfile.TemporaryDirectory() as folder:
            package.save(os.path.join(folder, "context"))
            self.assertIn("COPY py-risk.zip /\n", Path(folder, "context/Dockerfile").read_text())
            with zipfile.ZipFile(Path(folder, "context/py-risk.zip")) as file:
                served = [name for name in file.namelist() if name.startswith("models/")]
                self.assertEqual(json.loads(file.read("models/py-risk/service.json"))["models"]["py-packed"]["path"], "1/py-packed/1/model.onnx")
        self.assertEqual({name.split("/")[1] for name in served}, {"py-risk"})
        self.assertEqual(os.listdir(Path(PROJECT, "models")), services)
        for act, message in (
            (lambda: Model.package(ws, []), "image_name: name the service"),
            (lambda: Model.package(ws, [model], image_name="Upper"), "not a valid service name"),
            (lambda: Model.package(ws, [model], image_label="1"), "make it part of image_name"),  # type: ignore[arg-type]
            (package.pull, "not an image in a registry"),
        ):
            with self.subTest(message), self.assertRaisesRegex(WorkspaceException, message):
                act()

    def test_shares_requests_between_deployments(self) -> None:
        ws = open_workspace()
        models = [
            Model.register(ws, str(SAMPLES / "diabetes/1/model.onnx"), "py-shared", description=f"try {index}") for index in (1, 2)
        ]
        config = AciWebservice.deploy_configuration(auth_enabled=False)
        service = Model.deploy(ws, "py-traffic", models[:1], InferenceConfig(), config)
        service.wait_for_deployment()
        with self.assertRaisesRegex(WorkspaceException, "has one deployment only; add another one with create_deployment"):
            service.set_traffic({"blue": 100})
        for name, current, message in (
            ("Green_2", "blue", 'name: "Green_2" is not the name of a deployment: 3 to 32 letters, digits or single "-"'),
            ("green", "b", 'current: "b" is not the name of a deployment'),
            ("green--2", "blue", 'name: "green--2" is not the name'),
            ("green\n", "blue", "is not the name"),
        ):
            with self.subTest(message), self.assertRaisesRegex(WorkspaceException, message):
                service.create_deployment(name, models[1:], current=current)
        service.create_deployment("green", models[1:], mirror=10)
        self.assertEqual(service.deployments, {"blue": {"weight": 100, "mirror": 0}, "green": {"weight": 0, "mirror": 10}})
        service.set_traffic({"green": 100}, mirror={"green": 0}, sticky_header="x-user")
        service.wait_for_deployment()
        self.assertEqual(service.deployments, {"blue": {"weight": 0, "mirror": 0}, "green": {"weight": 100, "mirror": 0}})
        answer = requests.post(service.scoring_uri, json=DIABETES, timeout=60)
        self.assertEqual((answer.headers["azureml-model-deployment"], answer.json()), ("green", SCORES))
        for weights, message in (
            ({"green": 90}, "weights: must add to 100, not 90"),
            ({"green": 100, "red": 0}, 'there is no deployment "red"; there are: blue, green'),
            ({"green": 100.0}, "weights: green: must be a whole number from 0 to 100, not 100.0"),
        ):
            with self.subTest(message), self.assertRaisesRegex(WorkspaceException, message):
                service.set_traffic(weights)  # type: ignore[arg-type]
        with self.assertRaisesRegex(WorkspaceException, "green answers 100 percent of the requests"):
            service.delete_deployment("green")
        with self.assertRaisesRegex(WorkspaceException, "has several deployments; add one or replace one with create_deployment"):
            service.update(models=models[:1])
        service.delete_deployment("blue")
        self.assertEqual(list(service.deployments), ["green"])
        service.delete()


class Mistakes(unittest.TestCase):
    def test_say_what_to_do(self) -> None:
        cases = [
            (lambda: InferenceConfig(entry_script="score.py"), "Python is not run"),
            (lambda: InferenceConfig(environment=object()), "there is no environment to describe"),
            (lambda: AciWebservice.deploy_configuration(dns_name_label="x"), "dns_name_label: belongs to the app"),
            (lambda: AksWebservice.deploy_configuration(auth_enabled=True, token_auth_enabled=True), "keys or tokens, not both"),
            (lambda: AciWebservice.deploy_configuration(cpu_core=1), "cpu_core: is no parameter here"),
            (lambda: Workspace.from_folder("/"), "there is no project"),
            (lambda: Model(open_workspace(), id="iris"), 'id: "iris" must be a name and a version, such as churn:2'),
            (lambda: Model.register(open_workspace(), "none.onnx", "x"), "none.onnx does not exist"),
            (lambda: Model.register(open_workspace(), str(SAMPLES / "iris/1/model.onnx"), "a b"), "not a valid name of a model"),
            (lambda: Model.deploy(open_workspace(), "Upper", []), "not a valid service name"),
            (lambda: Model.deploy(open_workspace(), "no-models", []), "has one model"),
            (lambda: Model.deploy(open_workspace(), "stages", [], InferenceConfig(definition={"stages": [{"script": "a.ts"}]})), "name the folder with a.ts"),
            (lambda: Model.deploy(open_workspace(), "stages", [], InferenceConfig(source_directory=str(SAMPLES / "iris"))), "no script in .* is used"),
            (
                lambda: Model.deploy(
                    open_workspace(), "stages", [], InferenceConfig(source_directory=str(SAMPLES / "iris"), definition={"stages": [{"script": "a.ts"}]})
                ),
                "stages: there is no .*iris/a.ts",
            ),
            (lambda: Webservice(open_workspace(), "none"), "WebserviceNotFound"),
        ]
        for act, message in cases:
            with self.subTest(message), self.assertRaisesRegex(WorkspaceException, message):
                act()
        with self.assertRaisesRegex(AttributeError, "there is no management server"):
            open_workspace().resource_group
        notes = AciWebservice.deploy_configuration(cpu_cores=1, memory_gb=0.5).notes
        self.assertEqual(notes, ("cpu_cores, memory_gb: the app decides the size of an instance (guide/deploy.md), not the service",))


class RunningApp(unittest.TestCase):
    def test_is_only_the_process_that_wrote_its_address(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            root = Path(folder)
            (root / "host.json").write_text("{}")
            (root / ".local").mkdir()
            other = {"url": "http://localhost:1", "pid": os.getpid(), "started": "a process that had this number before"}
            for content in (other, {**other, "pid": 0}, {**other, "pid": "x"}, {**other, "pid": 1 << 80}, {}, [1], None):
                with self.subTest(content), self.assertRaisesRegex(WorkspaceException, "does not run"):
                    (root / ".local" / "app.json").write_text(json.dumps(content))
                    Workspace.from_folder(folder).require_app()
            (root / ".local" / "app.json").write_text(json.dumps({"url": "http://localhost:1", "pid": os.getpid()}))
            self.assertEqual(Workspace.from_folder(folder).find_url(), "http://localhost:1")


class Stranger(BaseHTTPRequestHandler):
    """What answers at an address that is wrong: 200 and an object of its own, or puts requests off with a time that is none."""

    def _answer(self) -> None:
        self.rfile.read(int(self.headers.get("content-length") or 0))
        is_score, is_output = self.path.endswith("/score"), self.path.endswith("/output")
        self.send_response(503 if is_score else 200)
        self.send_header("retry-after", "-1")
        self.send_header("content-type", "application/x-ndjson" if is_output else "application/json")
        self.send_header("content-length", "1000" if is_output else "2")
        self.end_headers()
        self.wfile.write(b'{"index": 0, "prediction": 1}\n' if is_output else b"{}")

    do_GET = do_POST = _answer

    def log_message(self, *_args: Any) -> None:
        pass


class WrongAddress(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = Path(folder.name)
        for name, text in (("host.json", "{}"), ("models/iris/service.json", '{"auth": {"mode": "none"}}'), ("models/half/service.json", '{"a"')):
            (self.root / name).parent.mkdir(parents=True, exist_ok=True)
            (self.root / name).write_text(text)
        server = ThreadingHTTPServer(("127.0.0.1", 0), Stranger)
        Thread(target=server.serve_forever, daemon=True).start()
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        self.workspace = Workspace.from_folder(folder.name, url=f"http://127.0.0.1:{server.server_address[1]}")

    def test_is_one_kind_of_error(self) -> None:
        service = Webservice(self.workspace, "iris")
        self.assertEqual([each.name for each in Webservice.list(self.workspace)], ["half", "iris"])
        job = BatchJob(service, "nightly")
        for act, message in (
            (lambda: service.run([[1]]), "status 503"),
            (lambda: next(BatchJob.list(service)), 'answered without "jobs"'),
            (lambda: BatchJob.submit(service, {}), 'answered without "jobId"'),
            (job.status, 'answered without "status"'),
            (lambda: list(job.results()), "the results of job nightly broke off"),
            (lambda: job.download(str(self.root / "results.jsonl")), "the results of job nightly broke off"),
        ):
            with self.subTest(message), self.assertRaisesRegex(WebserviceException, message):
                act()
        self.assertFalse((self.root / "results.jsonl").exists())

    def test_is_told_where_it_is_written(self) -> None:
        file = self.root / "workspace.json"
        for text, message in (("{", "is not JSON"), ("[1]", "is not a JSON object"), ('{"url": 5}', "url must be a text"), ("{}", "url is missing")):
            file.write_text(text)
            with self.subTest(text), self.assertRaisesRegex(WorkspaceException, message):
                Workspace.from_config(str(self.root))


class Trickle(BaseHTTPRequestHandler):
    """Answers a byte at a time without end: headers at ``/slow-head``, otherwise the body, with or without its length."""

    ended = Event()

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("content-length") or 0))
        if "slow-head" in self.path:
            self.wfile.write(b"HTTP/1.1 200 OK\r\nx-long: ")
        else:
            self.send_response(200)
            if "with-length" in self.path:
                self.send_header("content-length", "1000000")
            self.end_headers()
        while not self.ended.wait(0.02):
            try:
                self.wfile.write(b"1")
            except OSError:
                return

    def do_GET(self) -> None:
        self.send_error(404)

    def log_message(self, *_args: Any) -> None:
        pass


class Timeout(unittest.TestCase):
    def test_bounds_the_whole_answer(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        root = Path(folder.name)
        (root / "host.json").write_text("{}")
        server = ThreadingHTTPServer(("127.0.0.1", 0), Trickle)
        Thread(target=server.serve_forever, daemon=True).start()
        for end in (server.server_close, server.shutdown, Trickle.ended.set):
            self.addCleanup(end)
        workspace = Workspace.from_folder(folder.name, url=f"http://127.0.0.1:{server.server_address[1]}")
        for name in ("slow-head", "with-length", "until-closed"):
            (root / "models" / name).mkdir(parents=True)
            (root / "models" / name / "service.json").write_text('{"auth": {"mode": "none"}}')
            service = Webservice(workspace, name)
            with self.subTest(name), self.assertRaisesRegex(WebserviceException, "no answer to POST …/score in time"):
                service.run([[1]], timeout=0.5)  # would never end

    def test_ends_a_connection_within_that_of_a_proxy(self) -> None:
        ours, theirs = socket.socketpair()
        contexts = [ssl.SSLContext(protocol) for protocol in (ssl.PROTOCOL_TLS_SERVER, ssl.PROTOCOL_TLS_CLIENT)]
        for context in contexts:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
            context.maximum_version = ssl.TLSVersion.TLSv1_2
            context.set_ciphers("aNULL:@SECLEVEL=0")  # neither needs a certificate
        server, client = contexts
        peers: list[ssl.SSLSocket] = []
        Thread(target=lambda: peers.append(server.wrap_socket(theirs, server_side=True)), daemon=True).start()
        connection = SSLTransport(ours, client)  # as urllib3 speaks HTTPS through a proxy that speaks it, too
        limit = TimeLimit(0.2)
        with limit:
            limit.watch(connection)
            # Would wait for ever. That the end of the proxy's connection cannot be answered is no fault.
            with suppress(BrokenPipeError):
                self.assertFalse(connection.recv(1))
        self.assertTrue(limit.has_passed)
        for each in (ours, *peers):
            each.close()


class Repository(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = Path(folder.name)
        self.files = FolderFiles(self.root)
        self.registry = ModelRegistry(self.files)

    def test_refuses_paths_that_mean_something_else_or_that_not_every_storage_has(self) -> None:
        for path in ("version.json", "../model.onnx", "/model.onnx", "a//b", ".hidden", "a\\b", "c:model.onnx", "model.onnx ", "nul\0"):
            with self.subTest(path), self.assertRaises(WorkspaceException):
                self.registry.register("iris", {path: lambda: [b"one"]})
        with self.assertRaisesRegex(WorkspaceException, "by case only"):
            self.registry.register("iris", {"a.onnx": lambda: [b"one"], "A.onnx": lambda: [b"two"]})
        self.assertEqual(self.files.list(""), {})

    def test_removes_what_could_not_be_registered_and_keeps_a_version_json_of_the_owner(self) -> None:
        def broken() -> Iterator[bytes]:
            yield b"half"
            raise OSError("gone")

        with self.assertRaisesRegex(OSError, "gone"):
            self.registry.register("iris", {"a.onnx": lambda: [b"one"], "b.onnx": broken})
        self.assertEqual(self.files.list(""), {})
        (self.root / "own" / "1").mkdir(parents=True)
        (self.root / "own" / "1" / "version.json").write_text("by hand")
        (self.root / "own" / "1" / "model.onnx").write_bytes(b"one")
        found = self.registry.get("own", 1)
        self.assertEqual([file.path for file in found.files if found], ["model.onnx"])
        self.assertEqual(self.registry.register("own", {"model.onnx": lambda: [b"two"]}).version, 2)

    def test_downloads_nothing_that_a_record_places_elsewhere(self) -> None:
        record = self.registry.register("iris", {"model.onnx": lambda: [b"one"]})
        forged = replace(record, files=(*record.files, ModelFile("../../stolen.txt", 1)))
        workspace = Workspace(self.files, NoKeys(), lambda: "http://localhost")
        with self.assertRaisesRegex(WorkspaceException, "is no path of a file in a version"):
            Model._of(workspace, forged).download(str(self.root / "to"))
        self.assertFalse((self.root / "to").exists())
        self.assertEqual(Path(Model._of(workspace, record).download(str(self.root / "to"))), self.root / "to/iris/1")

    def test_lists_a_folder_with_links_in_a_circle(self) -> None:
        self.registry.register("iris", {"model.onnx": lambda: [b"one"]})
        for name in ("up", "again"):
            (self.root / "iris" / name).symlink_to("..")
        self.assertEqual(list(self.files.list("")), ["iris/1/model.onnx", "iris/1/version.json"])

    def test_loses_no_key_that_two_programs_write_at_once(self) -> None:
        stores = [KeyFile(self.root / ".local" / "keys.json") for _ in range(2)]
        names = [f"service-{index}" for index in range(20)]
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda at: stores[at % 2].write(names[at], "primary", f"key-{names[at]}-".ljust(40, "k")), range(20)))
        for name in names:
            self.assertEqual(stores[0].read(name, "primary"), f"key-{name}-".ljust(40, "k"))


if __name__ == "__main__":
    unittest.main()
