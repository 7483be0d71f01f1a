#!/bin/sh
# Converse with the AWS CLI, in the environment that localbedrock prints. The CLI has
# no command for ConverseStream.
aws bedrock-runtime converse --model-id amazon.nova-lite-v1:0 \
    --messages '[{"role": "user", "content": [{"text": "Who are you?"}]}]' \
    --query 'output.message.content[0].text' --output text
