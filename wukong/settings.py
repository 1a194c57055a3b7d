"""All settings. Only this module reads the environment; every default runs on a laptop (docs/settings.md)."""

import secrets
from pathlib import Path
from urllib.parse import unquote, urlsplit

from django.utils.translation import gettext_lazy as _

from wukong.env import env_bool, env_int, env_list, env_str

BASE_DIR = Path(__file__).resolve().parent.parent
WUKONG_DATA_DIR = Path(env_str("WUKONG_DATA_DIR", "var", "folder of run-time files")).absolute()
WUKONG_DATA_DIR.mkdir(parents=True, exist_ok=True)

# --- where it runs ---------------------------------------------------------------------------------------------------
HOST = env_str("HOST", "127.0.0.1", "address the server listens on")
PORT = env_int("PORT", 8000, "port the server listens on")
DATABASE_URL = env_str(
    "DATABASE_URL", "", "postgresql://user:password@host:port/name; empty: SQLite in the data folder"
)
REDIS_URL = env_str("REDIS_URL", "", "redis://host:port/0 for bus, cache and broker; empty: everything in one process")
WUKONG_PRODUCTION = bool(DATABASE_URL or REDIS_URL)
WUKONG_URL = env_str(
    "WUKONG_URL", f"http://{HOST}:{PORT}", "address under which people reach the site, for links in mails"
)
WUKONG_ALLOWED_HOSTS = env_list(
    "WUKONG_ALLOWED_HOSTS", "127.0.0.1,localhost,[::1]", "host names that the site answers to, separated by commas"
)
WUKONG_TRUST_PROXY = env_bool("WUKONG_TRUST_PROXY", False, "a proxy in front sets X-Forwarded-Proto")
WUKONG_DEBUG = env_bool("WUKONG_DEBUG", False, "Django's debug pages; refused in production")
DEBUG = WUKONG_DEBUG
ALLOWED_HOSTS = WUKONG_ALLOWED_HOSTS


def _secret() -> str:
    """Return the secret of the environment, else one made once for this data folder."""
    given = env_str("WUKONG_SECRET_KEY", "", "signs sessions and links; empty: made once into the data folder")
    path = WUKONG_DATA_DIR / "secret_key"
    if given:
        return given
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(secrets.token_urlsafe(48))
    return path.read_text()


SECRET_KEY = _secret()
SECRET_IS_GENERATED = (WUKONG_DATA_DIR / "secret_key").exists() and (
    WUKONG_DATA_DIR / "secret_key"
).read_text() == SECRET_KEY

# --- apps ------------------------------------------------------------------------------------------------------------
INSTALLED_APPS = [
    "wukong.apps.WukongConfig",
    "workspaces.apps.WorkspacesConfig",
    "billing.apps.BillingConfig",
    "agents.apps.AgentsConfig",
    "allauth",
    "allauth.account",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "wukong.apps.AdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "wukong.kernel.http.security.ContentSecurityPolicy",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "wukong.kernel.http.pages.ErrorPages",
    "wukong.kernel.http.one_hop.OneHop",
]
ROOT_URLCONF = "wukong.urls"
ASGI_APPLICATION = "wukong.asgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.i18n",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    }
]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
SILENCED_SYSTEM_CHECKS: list[str] = []


# --- database, cache, broker ----------------------------------------------------------------------------------------
def _database(url: str) -> dict[str, object]:
    if not url:
        return {
            "ENGINE": "wukong.kernel.sqlite",
            "NAME": WUKONG_DATA_DIR / "db.sqlite3",
            "CONN_MAX_AGE": 0,  # asgiref makes a thread per request: kept connections would pile up
            "TEST": {"NAME": WUKONG_DATA_DIR / "test.sqlite3"},
            "OPTIONS": {
                "transaction_mode": "IMMEDIATE",
                "timeout": 5,
                "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; "
                "PRAGMA foreign_keys=ON; PRAGMA cache_size=-1024",  # kB for each thread; the system caches the file
            },
        }
    parts = urlsplit(url)
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(parts.path.lstrip("/")),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": parts.hostname or "",
        "PORT": str(parts.port or ""),
        "CONN_MAX_AGE": 0,
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": {"connect_timeout": 5},
    }


DATABASES = {"default": _database(DATABASE_URL)}
CACHES = {
    "default": {
        "BACKEND": "wukong.kernel.cache.Cache",
        "LOCATION": REDIS_URL,
        "KEY_PREFIX": "wukong",
        "OPTIONS": {"socket_timeout": 1, "socket_connect_timeout": 1},
    }
    if REDIS_URL
    else {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}
}

# --- people ----------------------------------------------------------------------------------------------------------
AUTH_USER_MODEL = "workspaces.User"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
ACCOUNT_ADAPTER = "workspaces.people.adapter.AccountAdapter"
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_SIGNUP_FORM_CLASS = "workspaces.people.forms.SignupForm"
ACCOUNT_EMAIL_VERIFICATION = "optional"
ACCOUNT_LOGOUT_ON_GET = False
ACCOUNT_SESSION_REMEMBER = True
ACCOUNT_PREVENT_ENUMERATION = True
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""
WUKONG_SIGN_UP = env_bool("WUKONG_SIGN_UP", True, "anybody may make an account; off: by invitation only")
CSRF_FAILURE_VIEW = "wukong.kernel.http.pages.csrf_failure"
LOGIN_URL = "/accounts/login/"
LOGIN_REDIRECT_URL = "/"
ACCOUNT_LOGOUT_REDIRECT_URL = "/accounts/login/"
SESSION_COOKIE_AGE = 14 * 24 * 3600
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_HTTPONLY = True
CSRF_COOKIE_SAMESITE = "Lax"
_IS_HTTPS = WUKONG_URL.startswith("https://")
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = _IS_HTTPS
CSRF_TRUSTED_ORIGINS = [WUKONG_URL]
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if WUKONG_TRUST_PROXY else None
SECURE_SSL_REDIRECT = _IS_HTTPS
SECURE_HSTS_SECONDS = 31_536_000 if _IS_HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = _IS_HTTPS
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"

WUKONG_MAIL_URL = env_str(
    "WUKONG_MAIL_URL", "", "smtp://user:password@host:587; empty: mails are files in the data folder"
)
DEFAULT_FROM_EMAIL = env_str("WUKONG_MAIL_FROM", "Wukong <wukong@localhost>", "sender of mails")
if WUKONG_MAIL_URL:
    _mail = urlsplit(WUKONG_MAIL_URL)
    EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    EMAIL_HOST, EMAIL_PORT = _mail.hostname or "localhost", _mail.port or 25
    EMAIL_HOST_USER, EMAIL_HOST_PASSWORD = unquote(_mail.username or ""), unquote(_mail.password or "")
    EMAIL_USE_TLS = EMAIL_PORT == 587
    EMAIL_TIMEOUT = 10  # a server that never answers must not hold up who sends
else:
    EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
    EMAIL_FILE_PATH = WUKONG_DATA_DIR / "mail"

# --- language and time -----------------------------------------------------------------------------------------------
LANGUAGE_CODE = "en"
LANGUAGES = [("en", _("English"))]
LOCALE_PATHS = [BASE_DIR / "locale"]
USE_TZ = True
TIME_ZONE = "UTC"

# --- static files (served from memory at the ASGI edge, wukong/edge.py) ----------------------------------------------
STATIC_URL = "/static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
STATIC_ROOT = WUKONG_DATA_DIR / "static"

# --- REST ------------------------------------------------------------------------------------------------------------
WUKONG_RATE_READ = env_str("WUKONG_RATE_READ", "1200/min", "requests that read, for each person or key")
WUKONG_RATE_WRITE = env_str("WUKONG_RATE_WRITE", "300/min", "requests that write, for each person or key")
WUKONG_RATE_ANONYMOUS = env_str("WUKONG_RATE_ANONYMOUS", "60/min", "requests without an identity, for each address")
WUKONG_RATE_SOCKETS = env_int(
    "WUKONG_RATE_SOCKETS", 400, "messages a second that all sockets of one person together may send"
)
WUKONG_SOCKETS_OF_A_DOCUMENT = env_int(
    "WUKONG_SOCKETS_OF_A_DOCUMENT", 100, "sockets that may be open at one document, in each process"
)
WUKONG_SOCKETS_OF_A_PERSON = env_int("WUKONG_SOCKETS_OF_A_PERSON", 20, "of these, sockets of one person")
DATA_UPLOAD_MAX_MEMORY_SIZE = 12 * 1024 * 1024
WUKONG_SOURCE_MAX_BYTES = env_int(
    "WUKONG_SOURCE_MAX_BYTES", 5 * 1024 * 1024, "largest source that may be uploaded, in bytes"
)
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "workspaces.people.auth.BearerAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["workspaces.people.auth.HasScope"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["wukong.kernel.http.parsers.StrictJSON"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "DEFAULT_PAGINATION_CLASS": "wukong.kernel.http.pagination.CursorPages",
    "DEFAULT_THROTTLE_CLASSES": [
        "wukong.kernel.http.throttling.ReadRate",
        "wukong.kernel.http.throttling.WriteRate",
        "wukong.kernel.http.throttling.AnonymousRate",
    ],
    "DEFAULT_THROTTLE_RATES": {
        "read": WUKONG_RATE_READ,
        "write": WUKONG_RATE_WRITE,
        "anonymous": WUKONG_RATE_ANONYMOUS,
    },
    "EXCEPTION_HANDLER": "wukong.kernel.http.errors.answer",
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
    "DATETIME_FORMAT": "iso-8601",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Wukong",
    "DESCRIPTION": "Projects, live documents, agent swarms and the meter. See docs/api.md.",
    "VERSION": "1",
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
    "SCHEMA_PATH_PREFIX": "/api/v1/",
    "COMPONENT_SPLIT_REQUEST": True,
    "ENUM_NAME_OVERRIDES": {
        "RunStateEnum": "agents.models.RunState",
        "StepStateEnum": "agents.models.StepState",
        "SourceStateEnum": "workspaces.sources.models.SourceState",
        "HoldStateEnum": "billing.models.HoldState",
        "TransferCodeEnum": "billing.models.TransferCode",
        "TopUpStateEnum": "billing.models.TopUpState",
    },
    "GET_LIB_DOC_EXCLUDES": "wukong.kernel.http.openapi.bases_without_a_word",
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "wukong.kernel.http.openapi.add_what_all_share",
    ],
}

# --- the meter -------------------------------------------------------------------------------------------------------
WUKONG_CURRENCY = env_str("WUKONG_CURRENCY", "USD", "currency of new workspaces")
WUKONG_MARGIN = env_str("WUKONG_MARGIN", "0", "percent added to what a provider asks when its prices are published")
WUKONG_WELCOME_CREDIT = env_str("WUKONG_WELCOME_CREDIT", "5.00", "credit that a new workspace starts with")
WUKONG_DRIFT_PERCENT = env_str(
    "WUKONG_DRIFT_PERCENT", "2", "how far our token count and a provider's may lie apart in a day, in percent"
)
WUKONG_TAX_PERCENT = env_str(
    "WUKONG_TAX_PERCENT", "0", "tax on statements in percent, like 19 or 8.1; 0: none is shown"
)
WUKONG_STRIPE_KEY = env_str(
    "WUKONG_STRIPE_KEY", "", "secret key of a Stripe account; empty: nobody can pay in the browser"
)
WUKONG_STRIPE_WEBHOOK_SECRET = env_str(
    "WUKONG_STRIPE_WEBHOOK_SECRET", "", "signing secret of the webhook /billing/stripe/webhook/; needed with the key"
)
WUKONG_STRIPE_URL = env_str("WUKONG_STRIPE_URL", "https://api.stripe.com", "address of Stripe's API")
WUKONG_TOP_UP_MIN = env_str("WUKONG_TOP_UP_MIN", "5.00", "least amount of a top-up")
WUKONG_TOP_UP_MAX = env_str("WUKONG_TOP_UP_MAX", "1000.00", "largest amount of a top-up")
WUKONG_TOP_UP_CHOICES = env_list("WUKONG_TOP_UP_CHOICES", "10,25,50,100", "amounts that the top-up page offers")

# --- agents and models -----------------------------------------------------------------------------------------------
WUKONG_LEASE_S = env_int("WUKONG_LEASE_S", 20, "seconds after which a silent worker loses its step")
WUKONG_WORKER_THREADS = env_int("WUKONG_WORKER_THREADS", 8, "steps that the embedded process performs at once")
WUKONG_SCRIPTED = env_bool(
    "WUKONG_SCRIPTED", not WUKONG_PRODUCTION, "offer the scripted model (rehearsals); off in production"
)
WUKONG_SCRIPTED_TPS = env_int("WUKONG_SCRIPTED_TPS", 60, "tokens a second of the scripted model")
WUKONG_LOCAL_MODEL = env_str(
    "WUKONG_LOCAL_MODEL", "auto", "auto, off, or the path of a GGUF file for the built-in model"
)
WUKONG_ENDPOINT_URL = env_str("WUKONG_ENDPOINT_URL", "", "base URL of an OpenAI-compatible endpoint")
WUKONG_ENDPOINT_KEY = env_str("WUKONG_ENDPOINT_KEY", "", "key of that endpoint")
WUKONG_ENDPOINT_MODEL = env_str("WUKONG_ENDPOINT_MODEL", "", "name of the model at that endpoint")
WUKONG_ENDPOINT_CANCEL_STOPS_BILLING = env_bool(
    "WUKONG_ENDPOINT_CANCEL_STOPS_BILLING", False, "that endpoint bills nothing after the client hangs up"
)
WUKONG_ENDPOINT_CONTEXT = env_int("WUKONG_ENDPOINT_CONTEXT", 32_768, "context window of that model, in tokens")
WUKONG_ENDPOINT_PRICES = env_str(
    "WUKONG_ENDPOINT_PRICES", "", "prices of that model per million tokens: input,output[,cache_read[,cache_write]]"
)
WUKONG_DEMO_PASSWORD = env_str(
    "WUKONG_DEMO_PASSWORD", "", "password of demo@example.com; empty: made once into the data folder"
)

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "{asctime} {levelname} {name}: {message}", "style": "{"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": "WARNING"},
    "loggers": {
        "wukong": {"level": "INFO"},
        "django.request": {"level": "ERROR"},
        "kombu.connection": {"level": "ERROR"},
        "amqp": {"level": "ERROR"},
    },
}
