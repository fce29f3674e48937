"""Runs in an environment of its own, apart from acgate: `pacsys` asks a device database, and tells what it heard.

Arguments: the port, and the names of devices. One line of JSON: devices by name, alarm blocks, alarm texts, and the
error of a name that no database knows.
"""

import dataclasses
import json
import sys

import pacsys

client = pacsys.DevDBClient(host="127.0.0.1", port=int(sys.argv[1]), tls=False)
names = sys.argv[2:]
devices = {name: dataclasses.asdict(info) for name, info in client.get_device_info(names).items()}
alarms = [dataclasses.asdict(alarm) for alarm in client.get_alarm_info(names)]
ids = [alarm["analog_alarm_text_id"] for alarm in alarms if alarm["analog_alarm_text_id"]]
texts = [dataclasses.asdict(text) for text in client.get_alarm_text([*ids, 99999])]
try:
    client.get_device_info(["Z:NOTFND"])
    error = ""
except Exception as failure:  # noqa: BLE001 - which one it is, is what the test asks
    error = f"{type(failure).__name__}: {failure}"
client.close()
sys.stdout.write(json.dumps({"devices": devices, "alarms": alarms, "texts": texts, "error": error}) + "\n")
