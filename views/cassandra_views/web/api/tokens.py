"""Page tokens as clients get them: the reader's own, signed, so that nobody makes one up."""

from __future__ import annotations

from itsdangerous import BadSignature, Signer

from cassandra_client.errors import ConfigurationError
from cassandra_views.model.errors import BadRead


class Tokens:
    """Signs tokens and checks them.

    Args:
        key: the same in all processes of the app.
    """

    def __init__(self, key: str | bytes) -> None:
        if not key:
            raise ConfigurationError(
                "there is no key to sign page tokens with",
                on="the app's configuration",
                next="Set SECRET_KEY, or VIEWS_TOKEN_KEY, to a long random text, the same in all processes; or set "
                "VIEWS_API_PREFIX to an empty text for no API",
            )
        derived = Signer(key, salt="cassandra-views page", key_derivation="hmac").derive_key()
        self._signer = Signer(derived, key_derivation="none")  # which else derives it again for each token

    def sign(self, token: str) -> str:
        """Return a token for a client."""
        return self._signer.sign(token).decode()

    def check(self, token: str, *, on: str) -> str:
        """Return the reader's token.

        Raises:
            BadRead: it was not signed here, or has been changed.
        """
        try:
            found = self._signer.unsign(token).decode()
            if self.sign(found) == token:  # several texts decode to one signature
                return found
        except (BadSignature, UnicodeError):
            pass
        raise BadRead(
            "the page token was not made here, or has been changed",
            on=on,
            next="Give the 'next_page' of an answer as it is, or begin again at the first page",
        )
