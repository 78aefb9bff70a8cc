"""Who is believed to be the server: the one certificate that a caller gives, and what is wrong where it is another."""

import ssl
from pathlib import PurePath
from typing import Final

from breadboard.errors import UsageError

_BEGIN, _END = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"
_FILES: Final = (".pem", ".crt", ".cer", ".cert")
_ANOTHER: Final = frozenset({18, 19, 20, 21})
"""OpenSSL's numbers for one that nothing of what we believe leads to: here, that it is another than the one given."""
_PLAIN: Final = frozenset({"WRONG_VERSION_NUMBER", "PACKET_LENGTH_TOO_LONG", "RECORD_LAYER_FAILURE"})
"""What OpenSSL makes of a server that answers in plain HTTP, by version."""


def only(certificate: object) -> ssl.SSLContext:
    """Return what believes the first certificate of a file's text, and not the authorities that may stand behind it.

    Raises UsageError for what is none. What was given is shown where it is a file's name, and never else: it may be a
    private key.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN  # it need not have signed itself
    text = certificate if isinstance(certificate, str) else ""
    own, end, _ = text.partition(_END)
    if _BEGIN not in own or not end:
        raise UsageError(f"{_shown(certificate)} is not the text of a certificate (PEM)", hint=_given(certificate))
    try:
        context.load_verify_locations(cadata=own[own.find(_BEGIN) :] + end)
    except (ssl.SSLError, ValueError, TypeError):  # TypeError: letters that are not ASCII
        raise UsageError(f"{_shown(certificate)} has a certificate that is damaged", hint=_given(certificate)) from None
    return context


def doubt(error: BaseException, *, given: bool) -> str | None:
    """Return what is wrong with a certificate, if that is behind an error: libraries wrap it in their own.

    ``given`` says that one alone is believed.
    """
    found = _behind(error, ssl.SSLCertVerificationError)
    if not isinstance(found, ssl.SSLCertVerificationError):
        return None
    why = found.verify_message.rstrip(".")
    return f"it is not the one given ({why})" if given and found.verify_code in _ANOTHER else why


def is_plain(error: BaseException) -> bool:
    """Tell whether a server that was asked over TLS has answered without it."""
    found = _behind(error, ssl.SSLError)
    return found is not None and found.reason in _PLAIN


def _behind(error: BaseException | None, kind: type[ssl.SSLError]) -> ssl.SSLError | None:
    while error is not None:
        if isinstance(error, kind):
            return error
        error = error.__cause__ or error.__context__
    return None


def _name(certificate: object) -> str | None:
    """Return what was given where it is the name of a file."""
    if isinstance(certificate, PurePath):
        return str(certificate)
    named = isinstance(certificate, str) and certificate.isprintable() and certificate.endswith(_FILES)
    return str(certificate)[:200] if named else None


def _shown(certificate: object) -> str:
    name = _name(certificate)
    return f"certificate={name!r}" if name else f"what is given as certificate= ({type(certificate).__name__})"


def _given(certificate: object) -> str:
    return f"certificate=open({_name(certificate) or 'desk.pem'!r}).read()  # the file of [api] tls_cert"
