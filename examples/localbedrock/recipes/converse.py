# Converse and ConverseStream with boto3: pip install boto3.
#
# The environment that localbedrock prints makes boto3 talk to it; without it, the
# same program talks to AWS.
import boto3

MODEL = "amazon.nova-lite-v1:0"
QUESTION = [{"role": "user", "content": [{"text": "Who are you?"}]}]

client = boto3.client("bedrock-runtime")

answer = client.converse(modelId=MODEL, messages=QUESTION)
print(answer["output"]["message"]["content"][0]["text"])

for event in client.converse_stream(modelId=MODEL, messages=QUESTION)["stream"]:
    if "contentBlockDelta" in event:
        print(event["contentBlockDelta"]["delta"]["text"], end="", flush=True)
    if "messageStop" in event:
        print("\n(" + event["messageStop"]["stopReason"] + ")")
