"""Actions that do with a secret everything they should not."""

from __future__ import annotations

from agent.errors import StepFailed
from agent.inventory import Service
from agent.transport.ask import Action, Done, Get, Note, Put, Sh

NAMES = ("quoted", "lines", "unicode", "shell", "odd")


def say(service: Service, folder: str) -> Action[dict[str, str]]:
    """Print each secret on both outputs, escaped, at length; keep and fetch it; tell and return it."""
    told = {}
    for name in NAMES:
        secret = service.secret(name)
        assert secret is not None
        done: Done = yield Sh(
            'printf "%s\\n" "$X"; printf "{\\"x\\": \\"%s\\"}\\n" "$X" >&2; printf %s "$X" >"$1"',
            f"{folder}/{name}",
            script=True,
            sudo=True,
            secrets={"X": secret},
            changes="prints a secret",
        )
        yield Sh('i=0; while [ $i -lt 80 ]; do printf "%s|" "$X"; i=$((i+1)); done',
                 script=True, secrets={"X": secret}, keep=900)  # fmt: skip
        yield Note(f"the secret is {secret.reveal()}")
        kept = yield Get(f"{folder}/{name}", sudo=True)
        yield Put(f"{folder}/{name}.copy", kept, sudo=True)
        told[name] = done.text + kept.decode()
        told[secret.reveal()] = "as a key"
    return told


def fail(service: Service) -> Action[None]:
    """Fail with the secrets in the sentence, after a command that failed with them in its complaint."""
    texts = []
    for name in NAMES:
        secret = service.secret(name)
        assert secret is not None
        texts.append(secret.reveal())
        done: Done = yield Sh(
            'printf "%s" "$X" >&2; exit 3', script=True, ok=(3,), secrets={"X": secret}, changes="fails"
        )
        texts.append(done.complaint)
    raise StepFailed(f"It is {texts!r} or {' '.join(texts)}.")


def break_down(service: Service) -> Action[None]:
    """A defect of ours, with a secret in the exception."""
    secret = service.secret("quoted")
    assert secret is not None
    yield Sh("true", secrets={"X": secret})
    raise RuntimeError(f"unexpected {secret.reveal()!r}")
