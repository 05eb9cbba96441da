"""Submits a batch job: python3 submit_job.py <connection string> <job as JSON> [base64]"""
import sys

from azure.core.exceptions import ResourceExistsError
from azure.storage.queue import QueueClient, TextBase64EncodePolicy

connection_string, job, *encoding = sys.argv[1:]
# The queue takes plain text as well as base64, which other clients send.
policy = {"message_encode_policy": TextBase64EncodePolicy()} if encoding else {}

queue = QueueClient.from_connection_string(connection_string, "scoring-jobs", **policy)
try:
    queue.create_queue()
except ResourceExistsError:
    pass
print(queue.send_message(job).id)
