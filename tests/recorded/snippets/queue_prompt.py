import json
from urllib import request, parse
import random

def queue_prompt(prompt_workflow):
    p = {"prompt": prompt_workflow}
    data = json.dumps(p).encode('utf-8')
    req =  request.Request("http://127.0.0.1:8188/prompt", data=data)
    res = request.urlopen(req)
    return res.read().decode('utf-8')

prompt_workflow = json.load(open('workflow_api.json'))

# randomize seed
prompt_workflow["3"]["inputs"]["seed"] = random.randint(1,18446744073709551614)

# queue the prompt, save the prompt_id
response = queue_prompt(prompt_workflow)
parsed_json = json.loads(response)
prompt_id = parsed_json['prompt_id']

print(prompt_id)
