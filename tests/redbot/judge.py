"""Reads REDbot's notes of one resource, and fails on what is bad, unexplained or missing."""

import json
import sys

url, report, explained = sys.argv[1:]
with open(report, encoding="utf-8") as har:
    entries = json.load(har)["log"]["entries"]
size = entries[0]["response"]["content"]["size"]
# A note, the largest body for which it is explained, and why.
with open(explained, encoding="utf-8") as lines:
    reasons = [line.split("\t") for line in lines]
known = {note for note, most, _ in reasons if most == "any" or size <= int(most)}
notes = [note for entry in entries for note in entry["_red_messages"]]
found = {note["note_id"] for note in notes}
wrong = [
    f"{note['level']} {note['note_id']}: {note['summary']}"
    for note in notes
    if note["level"] == "BAD" or (note["level"] == "WARN" and note["note_id"] not in known)
]
wanted = ["INM_304", "IMS_304"]
# Bodies of this size and more are there in gzip as well.
if size >= 1024:
    wanted.append("CONNEG_GZIP_GOOD")
wrong += [f"missing {note}" for note in wanted if note not in found]
confirmed = " ".join(note for note in wanted if note in found)
print(f"{'FAIL' if wrong else 'ok'} {url} ({confirmed})", *wrong, sep="\n  ")
sys.exit(bool(wrong))
