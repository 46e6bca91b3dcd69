import requests
import json

def get_request(endpoint):
    url = f"http://192.168.1.220:8188/{endpoint}"
    response = requests.get(url)
    if response.text:
        data = json.loads(response.text)
        return data
    else:
        print("No data received")

# test by using GET queue
result = get_request("queue")
