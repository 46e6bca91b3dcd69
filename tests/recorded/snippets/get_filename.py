from IPython.display import display, Markdown



# get filename for my prompt
response = get_request("history")
filename = response[prompt_id]['outputs']['9']['images'][0]['filename']

display(Markdown(f"The filename is: **{filename}**"))
print(filename)
