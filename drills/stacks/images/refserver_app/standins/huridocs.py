"""A stand-in for Huridocs' pdf-document-layout-analysis on its routes: GET /info, POST / and POST /text."""

from __future__ import annotations

import re
from email import message_from_bytes, policy

from .answering import Answering, serve

_PAGE = re.compile(rb"/Type\s*/Page[^s]")
_STREAM = re.compile(rb"stream\r?\n(.*?)endstream", re.S)
_SHOWN = re.compile(rb"(?:([\d.]+)\s+([\d.]+)\s+Td\s*)?\(((?:\\.|[^()\\])*)\)\s*Tj")
_PLAIN = re.compile(rb"\\(.)")


def segments(pdf: bytes) -> list[dict[str, object]]:
    """Return the segments of a PDF with uncompressed text, in Huridocs' own shape; none where it has none."""
    found: list[dict[str, object]] = []
    pages = max(1, len(_PAGE.findall(pdf)))
    for number, stream in enumerate(_STREAM.findall(pdf), 1):
        for left, top, shown in _SHOWN.findall(stream):
            text = _PLAIN.sub(rb"\1", shown).decode("latin-1")
            found.append(
                {
                    "left": float(left or 0),
                    "top": float(top or 0),
                    "width": 6.0 * len(text),
                    "height": 12.0,
                    "page_number": min(number, pages),
                    "page_width": 612,
                    "page_height": 792,
                    "text": text,
                    "type": "Title" if not found else "Text",
                }
            )
    return found


class Huridocs(Answering):
    """It reads what our PDFs are made of."""

    def do_GET(self) -> None:  # noqa: N802 - its name in http.server
        """Answer what it is."""
        self.say(200 if self.path == "/info" else 404, {"sys": "standin", "models": ["standin"]})

    def do_POST(self) -> None:  # noqa: N802 - its name in http.server
        """Analyse the file of a form."""
        pdf = _file(self.headers.get("Content-Type", ""), self.body())
        if not pdf.startswith(b"%PDF-"):
            self.say(422, {"detail": "Unprocessable PDF"})
        elif self.path == "/":
            self.say(200, segments(pdf))
        elif self.path == "/text":
            self.say(200, "\n".join(str(each["text"]) for each in segments(pdf)))
        else:
            self.say(404, {"detail": "Not Found"})


def _file(kind: str, body: bytes) -> bytes:
    message = message_from_bytes(f"Content-Type: {kind}\r\n\r\n".encode() + body, policy=policy.HTTP)
    for part in message.iter_parts() if message.is_multipart() else ():
        if part.get_param("name", header="content-disposition") == "file":
            content = part.get_payload(decode=True)
            return content if isinstance(content, bytes) else b""
    return b""


if __name__ == "__main__":
    serve(5060, Huridocs)
