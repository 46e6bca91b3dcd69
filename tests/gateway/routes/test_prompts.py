"""`/prompt` over HTTP."""

from __future__ import annotations

import json
from typing import Any

import pytest

from services.queue.records import UserLimits
from tests.gateway.stack import GRAPH, Gateway, gateway, wait_for_interrupt

pytestmark = pytest.mark.asyncio(loop_scope="module")

PROMPT = json.dumps(GRAPH)


async def test_a_prompt_is_accepted_and_told_its_number(shared: Gateway) -> None:
    answer = await shared.http.post("/prompt", json={"prompt": GRAPH})
    assert answer.status_code == 200
    assert answer.json().keys() == {"prompt_id", "number", "node_errors"}
    assert isinstance(answer.json()["number"], int)
    assert answer.json()["node_errors"] == {}
    assert answer.headers["content-type"] == "application/json; charset=utf-8"


@pytest.mark.parametrize("path", ["/prompt", "/api/prompt"])
@pytest.mark.parametrize("content_type", [None, "text/plain", "application/x-www-form-urlencoded"])
async def test_the_content_type_decides_nothing(shared: Gateway, path: str, content_type: str | None) -> None:
    headers = {"Content-Type": content_type} if content_type else {}
    answer = await shared.http.post(path, content=f'{{"prompt": {PROMPT}}}', headers=headers)
    assert answer.status_code == 200


async def test_everything_that_was_sent_comes_back_in_history_byte_for_byte(shared: Gateway) -> None:
    graph = (
        '{"2": {"inputs": {"images": ["1", 0]}, "class_type": "PreviewImage", "_meta": {"title": "Ünï"}},'
        ' "1": {"class_type": "EmptyImage", "extra": [NaN, 1e400, -Infinity, 18446744073709551615, 1.50],'
        '  "inputs": {"width": 64, "height": 64, "batch_size": 1, "color": 1}}}'
    )
    answer = await shared.http.post("/prompt", content=f'{{"prompt": {graph}}}'.encode())
    assert answer.status_code == 200
    prompt_id = answer.json()["prompt_id"]
    await shared.finished(prompt_id)
    assert graph in (await shared.http.get(f"/history/{prompt_id}")).text
    assert graph in (await shared.http.get("/history")).text


@pytest.mark.parametrize(
    ("members", "number"),
    [('"number": 7', 7.0), ('"number": "3.5"', 3.5), ('"number": -2, "front": true', -2.0)],
)
async def test_a_number_that_the_client_chose_is_answered(shared: Gateway, members: str, number: float) -> None:
    answer = await shared.http.post("/prompt", content=f'{{"prompt": {PROMPT}, {members}}}')
    assert answer.json()["number"] == number
    assert isinstance(answer.json()["number"], float)


async def test_a_key_makes_it_safe_to_send_a_prompt_again(shared: Gateway) -> None:
    headers = {"Idempotency-Key": "8e03978e-40d5-43e8-bc93-6894a57f9324"}
    body = {"prompt": GRAPH, "client_id": "me"}
    first = await shared.http.post("/prompt", json=body, headers=headers)
    again = await shared.http.post("/api/prompt", json=body, headers=headers)
    assert (again.status_code, again.json()) == (200, first.json())
    other = await shared.http.post("/prompt", json=body | {"front": True}, headers=headers)
    assert (other.status_code, other.json()["error"]["type"]) == (422, "idempotency_key_reuse")
    assert first.json()["prompt_id"] in other.json()["error"]["message"]


@pytest.mark.parametrize("key", ["", "x" * 256])
async def test_what_cannot_be_a_key_is_a_bad_request(shared: Gateway, key: str) -> None:
    answer = await shared.http.post("/prompt", json={"prompt": GRAPH}, headers={"Idempotency-Key": key})
    assert answer.status_code == 400
    assert "key" in answer.json()["error"]["message"].lower()


@pytest.mark.parametrize("limit", ["run_timeout", "total_timeout"])
@pytest.mark.parametrize(("value", "complaint"), [("soon", "Expected `float | null`"), (-1, "not negative")])
async def test_a_time_that_is_none_is_refused(shared: Gateway, limit: str, value: object, complaint: str) -> None:
    answer = await shared.http.post("/prompt", json={"prompt": GRAPH, "extra_data": {limit: value}})
    assert answer.status_code == 400
    assert limit in answer.text and complaint in answer.text


async def test_a_prompt_that_waits_for_longer_than_it_may_is_an_error() -> None:
    async with gateway(wait_for_interrupt) as own:
        await own.begun(await own.submit())
        prompt_id = await own.submit(extra_data={"total_timeout": 0.05})
        entry = await own.finished(prompt_id)
    (message,) = entry["status"]["messages"]
    assert (entry["status"]["status_str"], message[0]) == ("error", "execution_error")
    assert message[1]["exception_type"] == "silverprint.TimedOut"
    assert "total_timeout" in message[1]["exception_message"]


async def test_a_full_queue_says_when_to_try_again() -> None:
    async with gateway(wait_for_interrupt) as own:
        await own.queue.quotas.set(UserLimits(user_id="", max_waiting=1))
        await own.begun(await own.submit())
        await own.submit()
        answer = await own.http.post("/prompt", json={"prompt": GRAPH})
    assert (answer.status_code, answer.json()["error"]["type"]) == (429, "queue_full")
    assert answer.json()["node_errors"] == {}
    assert int(answer.headers["retry-after"]) >= 1


async def test_front_makes_the_number_negative(shared: Gateway) -> None:
    await shared.http.post("/prompt", json={"prompt": GRAPH})  # the first of all has number 0, which has no negative
    answer = await shared.http.post("/prompt", json={"prompt": GRAPH, "front": True})
    assert answer.json()["number"] < 0


@pytest.mark.parametrize(
    ("sent", "used"), [("11111111-2222-3333-4444-555555555555", None), (42, "42"), ("a/b c", None), ("ä%2F?#", None)]
)
async def test_the_client_may_choose_the_id(shared: Gateway, sent: str | int, used: str | None) -> None:
    prompt_id = used or str(sent)
    assert await shared.submit(prompt_id=sent) == prompt_id
    assert (await shared.finished(prompt_id))["prompt"][1] == prompt_id


async def test_no_id_null_and_nothing_are_all_random_ids(shared: Gateway) -> None:
    ids = [await shared.submit(), await shared.submit(prompt_id=None), await shared.submit(prompt_id="")]
    assert len(set(ids)) == 3
    assert all(len(prompt_id) == 36 for prompt_id in ids)


async def test_the_same_submission_again_gets_the_first_answer_again_and_another_one_a_conflict(
    shared: Gateway,
) -> None:
    body = {"prompt": GRAPH, "prompt_id": "twice", "number": 5}
    first, second = [await shared.http.post("/prompt", json=body) for _ in range(2)]
    assert first.json() == second.json()
    different = {"9": GRAPH["1"], "10": {"class_type": "PreviewImage", "inputs": {"images": ["9", 0]}}}
    other = await shared.http.post("/prompt", json={**body, "prompt": different})
    assert other.status_code == 409
    assert other.json()["error"]["type"] == "already_exists"


async def test_the_client_id_is_part_of_the_extra_data(shared: Gateway) -> None:
    prompt_id = await shared.submit(client_id="me", extra_data={"extra_pnginfo": {"workflow": {"id": "w"}}})
    extra_data = (await shared.finished(prompt_id))["prompt"][3]
    assert extra_data == {"extra_pnginfo": {"workflow": {"id": "w"}}, "client_id": "me"}
    prompt_id = await shared.submit(client_id=None)
    assert (await shared.finished(prompt_id))["prompt"][3] == {"client_id": None}
    prompt_id = await shared.submit()
    assert (await shared.finished(prompt_id))["prompt"][3] == {}


@pytest.mark.parametrize("targets", [["2"], "2", None])
async def test_targets_may_be_a_list_or_a_single_id(shared: Gateway, targets: Any) -> None:
    prompt_id = await shared.submit(partial_execution_targets=targets)
    assert (await shared.finished(prompt_id))["prompt"][4] == ["2"]


@pytest.mark.parametrize("targets", [[], ["99"], ["1"], "99"])
async def test_targets_that_are_no_outputs_leave_nothing_to_do(shared: Gateway, targets: Any) -> None:
    answer = await shared.http.post("/prompt", json={"prompt": GRAPH, "partial_execution_targets": targets})
    assert answer.status_code == 400
    assert answer.json()["error"]["type"] == "prompt_no_outputs"


async def test_a_graph_that_cannot_run_is_refused_with_the_errors_of_its_nodes(shared: Gateway) -> None:
    graph = {"2": {"class_type": "PreviewImage", "inputs": {}}}
    answer = await shared.http.post("/prompt", json={"prompt": graph})
    assert answer.status_code == 400
    assert answer.json()["error"]["type"] == "prompt_outputs_failed_validation"
    (error,) = answer.json()["node_errors"]["2"]["errors"]
    assert (error["type"], error["details"]) == ("required_input_missing", "images")


@pytest.mark.parametrize(
    ("body", "type_", "named"),
    [
        ('{"client_id": "x"}', "no_prompt", "No prompt provided"),
        ("{}", "no_prompt", "No prompt provided"),
        ("", "invalid_json", "the body"),
        ("this is not json", "invalid_json", "the body"),
        ('{"prompt": {}', "invalid_json", "the body"),
        ('{"prompt": {}, }', "invalid_json", "the body"),
        ('{"prompt": NaN5}', "invalid_json", "the body"),
        ('{"prompt": {}} x', "invalid_json", "the body"),
        (b'{"prompt": "\xff"}', "invalid_json", "UTF-8"),
        ('{"\\ud800": 1}', "invalid_json", "surrogate"),
        ('{"a":' * 100_000, "invalid_json", "nested"),
        ('{"prompt": ' + "[" * 100_000 + "]" * 100_000 + "}", "invalid_json", "nested"),
        ("[1, 2]", "invalid_request", "object"),
        ('"prompt"', "invalid_request", "object"),
        ("null", "invalid_request", "object"),
        ('{"prompt": null}', "invalid_prompt", "prompt"),
        ('{"prompt": "abc"}', "invalid_prompt", "prompt"),
        ('{"prompt": [{"class_type": "EmptyImage"}]}', "invalid_prompt", "prompt"),
        ('{"prompt": []}', "prompt_no_outputs", "no outputs"),
        ('{"prompt": {}}', "prompt_no_outputs", "no outputs"),
        ('{"prompt": {"1": null}}', "invalid_prompt", "1"),
        ('{"prompt": {"1": {"class_type": "Nope", "inputs": {}}}}', "invalid_prompt", "Nope"),
        (f'{{"prompt": {PROMPT}, "number": "abc"}}', "invalid_request", "number"),
        (f'{{"prompt": {PROMPT}, "number": null}}', "invalid_request", "number"),
        (f'{{"prompt": {PROMPT}, "number": [1]}}', "invalid_request", "number"),
        (f'{{"prompt": {PROMPT}, "number": "nan"}}', "invalid_request", "number"),
        (f'{{"prompt": {PROMPT}, "number": 1e999}}', "invalid_request", "number"),
        (f'{{"prompt": {PROMPT}, "front": "yes"}}', "invalid_request", "front"),
        (f'{{"prompt": {PROMPT}, "prompt_id": [1]}}', "invalid_request", "prompt_id"),
        (f'{{"prompt": {PROMPT}, "prompt_id": {{}}}}', "invalid_request", "prompt_id"),
        (f'{{"prompt": {PROMPT}, "prompt_id": "{"x" * 300}"}}', "invalid_request", "prompt_id"),
        (f'{{"prompt": {PROMPT}, "prompt_id": "\\ud800"}}', "invalid_request", "prompt_id"),
        (f'{{"prompt": {PROMPT}, "client_id": ["x"]}}', "invalid_request", "client_id"),
        (f'{{"prompt": {PROMPT}, "client_id": "\\ud800"}}', "invalid_request", "client_id"),
        (f'{{"prompt": {PROMPT}, "extra_data": null, "client_id": "x"}}', "invalid_request", "extra_data"),
        (f'{{"prompt": {PROMPT}, "extra_data": [1]}}', "invalid_request", "extra_data"),
        (f'{{"prompt": {PROMPT}, "extra_data": "x"}}', "invalid_request", "extra_data"),
        (f'{{"prompt": {PROMPT}, "partial_execution_targets": 5}}', "invalid_request", "partial_execution_targets"),
        (f'{{"prompt": {PROMPT}, "partial_execution_targets": [5]}}', "invalid_request", "partial_execution_targets"),
    ],
)
async def test_bad_input_is_refused_with_its_type_and_what_it_is_about(
    shared: Gateway, body: str | bytes, type_: str, named: str
) -> None:
    answer = await shared.http.post("/prompt", content=body)
    assert answer.status_code == 400, answer.text
    answered = answer.json()
    assert answered.keys() == {"error", "node_errors"}
    assert answered["error"].keys() == {"type", "message", "details", "extra_info"}
    assert answered["error"]["type"] == type_
    assert named in answered["error"]["message"] + answered["error"]["details"]
    assert "Traceback" not in answer.text
    assert await shared.submit()


async def test_a_body_beyond_the_limit_is_refused(shared: Gateway) -> None:
    answer = await shared.http.post("/prompt", content=b" " * (31 << 20))
    assert answer.status_code == 413
    assert answer.json()["error"]["type"] == "too_large"


async def test_the_length_of_the_queue_can_be_asked(shared: Gateway) -> None:
    await shared.finished(await shared.submit())
    answer = await shared.http.get("/prompt")
    assert isinstance(answer.json()["exec_info"]["queue_remaining"], int)


@pytest.mark.asyncio(loop_scope="function")
async def test_before_any_executor_was_there_a_prompt_has_to_be_sent_again_later() -> None:
    async with gateway(executor=False) as alone:
        answer = await alone.http.post("/prompt", json={"prompt": GRAPH})
        assert answer.status_code == 503
        assert answer.json()["error"]["type"] == "unavailable"
        assert int(answer.headers["retry-after"]) > 0


async def test_a_priority_is_passed_on_and_a_wrong_one_is_refused(shared: Gateway) -> None:
    answer = await shared.http.post("/prompt", json={"prompt": GRAPH, "priority": 7})
    assert (await shared.queue.get(answer.json()["prompt_id"])).priority == 7
    for wrong, named in ((101, "priority 101 is not from -100 to 100"), ("high", "priority"), (1.5, "priority")):
        answer = await shared.http.post("/prompt", json={"prompt": GRAPH, "priority": wrong})
        assert answer.status_code == 400
        assert named in answer.json()["error"]["message"]


async def test_prompts_belong_to_their_users() -> None:
    async with gateway(multi_user=True) as stack:
        user = (await stack.http.post("/users", json={"username": "ada"})).json()
        answer = await stack.http.post("/prompt", json={"prompt": GRAPH}, headers={"comfy-user": user})
        assert (await stack.queue.get(answer.json()["prompt_id"])).user_id == user
        answer = await stack.http.post("/prompt", json={"prompt": GRAPH})
        assert (await stack.queue.get(answer.json()["prompt_id"])).user_id == ""
