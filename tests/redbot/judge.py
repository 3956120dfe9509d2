"""Reads REDbot's notes of one resource, and fails on what is bad, unexplained or missing."""

import json
import sys

url, report, explained = sys.argv[1:]
with open(explained, encoding="utf-8") as lines:
    known = {line.split("\t")[0] for line in lines}
with open(report, encoding="utf-8") as har:
    entries = json.load(har)["log"]["entries"]
notes = [note for entry in entries for note in entry["_red_messages"]]
found = {note["note_id"] for note in notes}
wrong = [
    f"{note['level']} {note['note_id']}: {note['summary']}"
    for note in notes
    if note["level"] == "BAD" or (note["level"] == "WARN" and note["note_id"] not in known)
]
wrong += [f"missing {note}" for note in ("INM_304", "IMS_304") if note not in found]
print(f"{'FAIL' if wrong else 'ok'} {url} ({len(notes)} notes)", *wrong, sep="\n  ")
sys.exit(bool(wrong))
