"""Copies in an S3 bucket: sent in parts, read back, listed, brought here. There is no verb that deletes."""

from __future__ import annotations

import hashlib
import json
import os
import re
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from agent.payload.durable import Refuse
from agent.payload.gently import Pace
from agent.payload.pieces import Piece, md5_of, pieces_of, sums

_BLOCK = 1 << 20
# Times in a row that nothing comes, each after twice the wait: a minute, beside what botocore waits itself.
_TRIES = 7
_LONGEST = 30.0
_SIDE = 10
_LOOPBACK = re.compile(r"http://(127\.|localhost[:/]?|\[::1\])")
# So answers a bucket that has none, an endpoint that knows none, one where this key may not ask, and rclone
# where no upload is under way.
_HIDDEN = (
    *("ObjectLockConfigurationNotFoundError", "NoSuchUpload"),
    *("NotImplemented", "MethodNotAllowed", "AccessDenied"),
)
_NOT_THERE = ("NoSuchKey", "404", "NotFound", "NoSuchVersion")

_BUSY = ("SlowDown", "Throttling", "ThrottlingException", "RequestTimeout", "TooManyRequests", "429")

Spec = dict[str, Any]


def main(argv: list[str]) -> int:
    """Do what the spec says and print the answer; what is refused is a sentence and code 1."""
    spec = json.loads(argv[0])
    try:
        client = client_of(spec)
        out = _VERBS[spec["do"]](client, spec)
    except Refuse as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except Exception as error:  # noqa: BLE001 - boto3's errors are known only once it is there
        sys.stderr.write(f"{spec['bucket']} at {spec['endpoint'] or 'AWS'}: {told(error)}\n")
        return 1
    sys.stdout.write(out)
    return 0


def client_of(spec: Spec) -> Any:
    """Return boto3's client for what a spec says."""
    try:
        import boto3
        from botocore.config import Config
    except ImportError:
        raise Refuse(
            f"expected boto3 in {sys.executable}, found none: apt-get install python3-boto3, or name a "
            "Python that has it (s3_python)"
        ) from None
    # Buckets of an endpoint of one's own have no names in DNS.
    style = {"addressing_style": "path" if spec["endpoint"] else "auto"}
    options: dict[str, Any] = {"connect_timeout": 20, "read_timeout": 120, "signature_version": "s3v4"}
    options |= {"retries": {"mode": "standard", "max_attempts": 5}, "s3": style}
    if "request_checksum_calculation" in Config.OPTION_DEFAULTS:
        # Sums are sent below; others of botocore's own are not understood everywhere.
        options |= {"request_checksum_calculation": "when_required"}
        options |= {"response_checksum_validation": "when_required"}
    return boto3.client(
        "s3",
        endpoint_url=spec["endpoint"] or None,
        region_name=spec["region"] or None,
        config=Config(**options),
    )


def _look(client: Any, spec: Spec) -> str:
    """Say what keeps this bucket from holding copies against whoever has the key; nothing where it does."""
    client.list_objects_v2(Bucket=spec["bucket"], MaxKeys=1)
    versions = _or_none(lambda: client.get_bucket_versioning(Bucket=spec["bucket"]))
    locked = _or_none(lambda: client.get_object_lock_configuration(Bucket=spec["bucket"]))
    lock = (locked or {}).get("ObjectLockConfiguration", {})
    if spec["lock_days"] and lock.get("ObjectLockEnabled") != "Enabled":
        raise Refuse(
            f"expected the bucket {spec['bucket']} to have object lock, as s3_lock_days asks for, found none"
        )
    unsafe = []
    if (versions or {}).get("Status") != "Enabled":
        unsafe.append(
            "no versions are kept that this key could see: whoever has it could overwrite every copy"
        )
    elif not spec["lock_days"] and not lock.get("Rule"):
        unsafe.append("nothing is locked: whoever may delete versions there could remove every copy")
    if spec["endpoint"].startswith("http://") and not _LOOPBACK.match(spec["endpoint"]):
        unsafe.append("it is spoken to in the clear: what is sent can be read on its way")
    return "; ".join(unsafe)


def _send(client: Any, spec: Spec) -> str:
    """Send a file and print the SHA-256 of what is there then."""
    path = Path(spec["source"])
    target = {"Bucket": spec["bucket"], "Key": spec["key"]}
    kept = _lock(spec)
    pieces = list(pieces_of(path.stat().st_size, spec["piece"]))
    pace = Pace(spec.get("rate", 0))
    with path.open("rb") as file:
        if len(pieces) == 1:
            data = file.read()
            client.put_object(Body=data, **target, **kept, **sums(data))
            pace.passed(len(data))
            return _sum(client, spec)
        upload, there = _begun(client, target) or ("", {})
        if not upload:
            made = client.create_multipart_upload(**target, **kept, ChecksumAlgorithm="SHA256")
            upload = made["UploadId"]
        parts = []
        for piece in pieces:
            parts.append(_part(client, {**target, "UploadId": upload}, file, piece, there))
            pace.passed(piece.size)
    client.complete_multipart_upload(**target, UploadId=upload, MultipartUpload={"Parts": parts})
    return _sum(client, spec)


def _part(client: Any, upload: Spec, file: Any, piece: Piece, there: dict[int, Spec]) -> Spec:
    file.seek(piece.start)
    data = file.read(piece.size)
    said = sums(data)
    held = there.get(piece.number)
    if held and held["ETag"].strip('"') == md5_of(data):
        etag = held["ETag"]
    else:
        etag = client.upload_part(**upload, PartNumber=piece.number, Body=data, **said)["ETag"]
    return {"PartNumber": piece.number, "ETag": etag, "ChecksumSHA256": said["ChecksumSHA256"]}


def _begun(client: Any, target: Spec) -> tuple[str, dict[int, Spec]] | None:
    """Return the upload of this object that was interrupted, and its parts; None where there is none."""
    found = _or_none(lambda: client.list_multipart_uploads(Bucket=target["Bucket"], Prefix=target["Key"]))
    mine = [each for each in (found or {}).get("Uploads", []) if each["Key"] == target["Key"]]
    if not mine:
        return None
    upload = max(mine, key=lambda each: each["Initiated"])["UploadId"]
    parts = client.get_paginator("list_parts").paginate(**target, UploadId=upload)
    return upload, {each["PartNumber"]: each for page in parts for each in page.get("Parts", [])}


def _lock(spec: Spec) -> Spec:
    if not spec["lock_days"]:
        return {}
    until = time.time() + spec["lock_days"] * 86400
    return {"ObjectLockMode": spec["lock_mode"], "ObjectLockRetainUntilDate": until}


def _sum(client: Any, spec: Spec) -> str:
    """Read the newest version of an object whole and print the SHA-256 of what came."""
    for _, total in _read(client, spec, [""], None):
        return total
    return "none"


def _receive(client: Any, spec: Spec) -> str:
    """Bring an object here: its newest version, or the one that has the SHA-256 that is wanted."""
    into, found = Path(spec["into"]), []
    versions = _versions(client, spec["bucket"], spec["key"]).get(spec["key"], [""])
    for version, total in _read(client, spec, versions, into):
        if spec["sha256"] in ("", total):
            return f"version {version}\n" if version else ""
        found.append(total[:12])
    if found:
        into.unlink()
    raise Refuse(
        f"expected {spec['key']} with the SHA-256 {spec['sha256'][:12]} in {spec['bucket']}, found "
        f"{', '.join(found) or 'none'}"
    )


def _read(client: Any, spec: Spec, versions: list[str], into: Path | None) -> Iterator[tuple[str, str]]:
    """Yield version and SHA-256 of each version that can be read, what it holds being in `into`."""
    place = {"Bucket": spec["bucket"], "Key": spec["key"]}
    for version in versions:
        wanted = {"VersionId": version} if version else {}
        try:
            yield version, _copied(client, {**place, **wanted}, into, spec.get("rate", 0))
        except Exception as error:
            if _code(error) not in _NOT_THERE:
                raise


def _copied(client: Any, wanted: Spec, into: Path | None, rate: float) -> str:
    total, pace = hashlib.sha256(), Pace(rate)
    os.umask(0o027)
    with Path(into or os.devnull).open("wb") as file:
        for block in _blocks(client, wanted):
            total.update(block)
            file.write(block)
            pace.passed(len(block))
    return total.hexdigest()


def _blocks(client: Any, wanted: Spec) -> Iterator[bytes]:
    """Yield what an object holds; where the line breaks, or the bucket holds us back, from there on."""
    body, at, whole, vain = None, 0, -1, 0
    while at != whole:
        try:
            if body is None:
                body, length = _from(client, wanted, at)
                whole = at + length
            block = body.read(_BLOCK)
        except Exception as error:
            vain += 1
            if vain == _TRIES or not _passing(error):
                raise
            body = None
            time.sleep(min(_LONGEST, 2.0 ** (vain - 1)))
            continue
        if block:
            vain, at = 0, at + len(block)
            yield block
        elif at != whole:
            raise Refuse(f"expected {whole} bytes of {wanted['Key']}, found that it ends after {at}")


def _from(client: Any, wanted: Spec, at: int) -> tuple[Any, int]:
    """Return what an object holds from a byte on, and how many bytes that are."""
    answer = client.get_object(**wanted, **({"Range": f"bytes={at}-"} if at else {}))
    body, length, skipped = answer["Body"], int(answer["ContentLength"]), 0
    if at and "ContentRange" not in answer:
        # An endpoint that knows no ranges begins anew.
        while skipped < at and (block := body.read(min(_BLOCK, at - skipped))):
            skipped += len(block)
    return body, length - skipped


def _passing(error: Exception) -> bool:
    """Return whether an error is one of the line, or says to come again later."""
    from botocore.exceptions import HTTPClientError, IncompleteReadError

    busy = _code(error) in _BUSY or _status(error) >= 500
    return busy or isinstance(error, (HTTPClientError, IncompleteReadError, OSError))


def _write(client: Any, spec: Spec) -> str:
    data = spec["text"].encode()
    client.put_object(Bucket=spec["bucket"], Key=spec["key"], Body=data, **_lock(spec), **sums(data))
    return ""


def _entries(client: Any, spec: Spec) -> str:
    """Print every entry of a folder as JSON, a line each: the newest version of each that can be read."""
    known = _versions(client, spec["bucket"], f"{spec['key']}/")

    def entry(key: str) -> str:
        for version in known[key]:
            wanted = {"VersionId": version} if version else {}
            said = client.get_object(Bucket=spec["bucket"], Key=key, **wanted)["Body"].read()
            try:
                return f"{json.dumps(json.loads(said))}\n"
            except ValueError:
                # Somebody wrote over it; what it was before is still there.
                continue
        return ""

    # Some thousands, where nobody prunes there for a year: one behind the other takes too long to wait for.
    with ThreadPoolExecutor(_SIDE) as pool:
        return "".join(pool.map(entry, sorted(each for each in known if each.endswith(".json"))))


def _versions(client: Any, bucket: str, prefix: str) -> dict[str, list[str]]:
    """Return the versions of each object in a folder (or of one), the newest first; "" = none are kept.

    What somebody deleted from a bucket with versions is among them.
    """
    asked = {"Bucket": bucket, "Prefix": prefix, "Delimiter": "/"}
    pages = _or_none(lambda: list(client.get_paginator("list_object_versions").paginate(**asked)))
    each_of = [each for page in pages or [] for each in page.get("Versions", [])]
    found: dict[str, list[str]] = {}
    for each in sorted(each_of, key=lambda each: each["LastModified"], reverse=True):
        found.setdefault(each["Key"], []).append(each["VersionId"].replace("null", ""))
    if found:
        return found
    pages = client.get_paginator("list_objects_v2").paginate(**asked)
    return {each["Key"]: [""] for page in pages for each in page.get("Contents", [])}


def _or_none(ask: Callable[[], Any]) -> Any:
    """Return an answer, or None where the endpoint has no such thing."""
    try:
        return ask()
    except Exception as error:
        if _code(error) in _HIDDEN or _status(error) in (405, 501):
            return None
        raise


def _code(error: Exception) -> str:
    answer = getattr(error, "response", None)
    return str(answer.get("Error", {}).get("Code", "")) if isinstance(answer, dict) else ""


def _status(error: Exception) -> int:
    answer = getattr(error, "response", None)
    told = answer.get("ResponseMetadata", {}) if isinstance(answer, dict) else {}
    return int(told.get("HTTPStatusCode", 0))


def told(error: Exception) -> str:
    """Return an endpoint's error in a line."""
    return f"{type(error).__name__}: {error}".replace("\n", " ")[:400]


_VERBS: dict[str, Callable[[Any, Spec], str]] = {
    "look": _look,
    "send": _send,
    "sum": _sum,
    "receive": _receive,
    "write": _write,
    "entries": _entries,
}
