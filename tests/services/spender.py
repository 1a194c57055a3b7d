"""One of several processes that spend from one wallet: `python -m tests.services.spender SLUG CALLS THREADS`.

All processes ask for the same calls at the same time, as workers do that a lost wake-up or a lost lease has set on one
step. Prints how many calls it saw charged and how many refused.
"""

import json
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from uuid import NAMESPACE_URL, uuid5

INPUT_TOKENS, MAX_TOKENS, OUTPUT_TOKENS = 1000, 100, 60


def main(slug: str, calls: int, threads: int) -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "wukong.settings")
    import django

    django.setup()
    from django.db import connection

    from billing import services
    from billing.contracts import Usage
    from workspaces.people import access
    from wukong.kernel import committer
    from wukong.kernel.errors import InsufficientFunds

    workspace = access.workspace_by_slug(slug).pk

    def spend(number: int) -> str:
        call = uuid5(NAMESPACE_URL, f"call {number}")
        try:
            services.authorise(
                call=call,
                workspace_id=workspace,
                model="scripted",
                run=None,
                step=None,
                project=None,
                agent="Writer",
                input_bound=INPUT_TOKENS,
                max_tokens=MAX_TOKENS,
                floor_tokens=MAX_TOKENS,
            )
        except InsufficientFunds:
            return "refused"
        services.settle(call=call, usage=Usage(input_tokens=INPUT_TOKENS, output_tokens=OUTPUT_TOKENS))
        return "charged"

    with ThreadPoolExecutor(threads) as pool:
        ends = list(pool.map(spend, range(calls)))
    committer.close()
    connection.close()
    print(json.dumps({end: ends.count(end) for end in ("charged", "refused")}))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
