"""Scores a DataFrame with a missing value, as a colleague with the URL and a key does: score.py URL (the key is in KEY)"""

import os
import sys

import pandas
import requests

customers = pandas.DataFrame({
    "age": [25, 61, 33], "income": [31_000, None, 72_000], "plan": ["basic", "plus", "unknown"],
})
rows = customers.astype(object).where(customers.notna(), None).to_dict("records")
answer = requests.post(sys.argv[1], json={"data": rows}, headers={"Authorization": f"Bearer {os.environ['KEY']}"})
answer.raise_for_status()
print(answer.text)
