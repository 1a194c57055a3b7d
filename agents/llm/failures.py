"""What people read when a model fails; what the provider said exactly goes to the log."""

import logging
from collections.abc import Mapping

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from agents.ports import ErrorKind, ProviderError

_log = logging.getLogger("wukong.models")
_TEXTS: Mapping[ErrorKind, Promise] = {
    "rate": _("The model's provider says that it is asked too often."),
    "transient": _("The model's provider has a problem."),
    "timeout": _("The model did not answer in time."),
    "cut": _("The model's answer broke off."),
    "context": _("The request is too long for this model."),
    "refused": _("The model's provider refused the request. Its key, its quota or the model's name may be wrong."),
}


def failure(kind: ErrorKind, detail: str = "", *, text: str = "", retry_after: float | None = None) -> ProviderError:
    """Return the error for `kind` with a sentence for people (`text`, else the usual one); `detail` is logged."""
    if detail:
        _log.warning("%s: %s", kind, detail[:500])
    return ProviderError(kind, text or str(_TEXTS[kind]), retry_after=retry_after)
