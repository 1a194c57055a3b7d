"""Every sentence that the browser's scripts say, so that one catalogue translates pages and scripts alike.

`{% browser_strings %}` puts them into the page; `t("key", { name })` of frontend/src/strings.ts reads them. A place for a
value is `{name}`. Add a key here before a script uses it: a test compares the two.
"""

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

BROWSER_STRINGS: dict[str, str | Promise] = {
    # Every page (frontend/src/app.ts and ui/).
    "dialog.cancel": _("Cancel"),
    "dialog.close": _("Close"),
    "dialog.confirm": _("Go on"),
    "copy.done": _("Copied"),
    "copy.failed": _("Press Ctrl+C to copy"),
    "busy": _("Working…"),
    "net.away": _("No answer from the server. Nothing was lost; try again when you are online."),
    "net.signed_out": _("You are signed out. Sign in, then repeat what you did."),
    "net.sign_in": _("Sign in"),
    "net.failed": _("That did not work. Load the page again to see how things stand."),
    "net.reload": _("Load again"),
    "drop.too_large": _("{name} is too large: {size}. The limit is {limit}."),
    "drop.remove": _("Remove {name}"),
    "time.now": _("just now"),
    "time.minute": _("1 minute ago"),
    "time.minutes": _("{n} minutes ago"),
    "time.hour": _("1 hour ago"),
    "time.hours": _("{n} hours ago"),
    # Runs (frontend/src/run.ts and live/).
    "live.lost": _("Connection lost. The run goes on; this page catches up."),
    "live.back": _("Connected again"),
    "live.tokens": _("{n} tokens"),
    "live.rate": _("{n} tokens a second"),
}
