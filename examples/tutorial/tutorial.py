"""The lines of Azure Machine Learning's tutorials: ``python examples/tutorial/tutorial.py``, while ``npx scoring start`` runs.

``pip install ./clients/python`` installs the package.
"""

import json
from pathlib import Path

from scoring_functions import AciWebservice, InferenceConfig, Model, Webservice, Workspace

ws = Workspace.from_config()

model = Model.register(
    workspace=ws,
    model_path="models/diabetes/1/model.onnx",
    model_name="sklearn-regression-model",
    tags={"area": "diabetes", "type": "regression"},
    description="Ridge regression model to predict diabetes",
)
print(model.name, model.version)

aciconfig = AciWebservice.deploy_configuration(
    cpu_cores=1, memory_gb=1, tags={"data": "diabetes"}, description="Predict diabetes"
)
service = Model.deploy(ws, "tutorial-py", [model], InferenceConfig(), aciconfig, overwrite=True)
service.wait_for_deployment(show_output=False)
print(service.state)

sample = json.loads(Path("models/diabetes/sample.json").read_text())
print(service.run(input_data=json.dumps(sample)))

primary, secondary = service.get_keys()
service.regen_key("Primary")
print("the same key" if service.get_keys()[0] == primary else "a new key")
print(service.run(sample))

for each in Webservice.list(ws, model_name=model.name):
    print(each.name, each.state)
service.delete()
