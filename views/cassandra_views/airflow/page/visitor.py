"""Who may see the page. Airflow protects its own pages alone: an app of a plugin must ask by itself."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import quote

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.models.base_user import BaseUser
from airflow.api_fastapi.core_api.security import bearer_scheme, get_user
from fastapi import Depends, HTTPException, Request
from fastapi.security import HTTPAuthorizationCredentials

from cassandra_views.airflow.links import PAGE


class NotLoggedIn(Exception):
    """Nobody is logged in, or no longer."""


class NotAllowed(Exception):
    """Somebody is logged in who may not see views."""


async def logged_in(
    request: Request, credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer_scheme)]
) -> BaseUser:
    """Return who asks: by Airflow's cookie or by a token, as Airflow itself finds it out.

    Raises:
        NotLoggedIn: there is neither, or it is over or forged.
    """
    try:
        return await get_user(request, None, credentials)
    except HTTPException as error:
        raise NotLoggedIn(str(error.detail)) from error


def visitor(user: Annotated[BaseUser, Depends(logged_in)]) -> BaseUser:
    """Return who asks and may see views: those who may see assets, since each view is one.

    Raises:
        NotLoggedIn: as ``logged_in``.
        NotAllowed: the role lacks that right.
    """
    if not get_auth_manager().is_authorized_asset(method="GET", user=user):
        raise NotAllowed(user.get_name())
    return user


Visitor = Annotated[BaseUser, Depends(visitor)]


def visible_dags(user: BaseUser) -> set[str]:
    """Return the ids of the DAGs that this user may see."""
    return get_auth_manager().get_authorized_dag_ids(user=user)


def airflow_root(request: Request) -> str:
    """Return the path at which Airflow itself is, without a slash at its end."""
    return str(request.scope["root_path"]).removesuffix(PAGE)


def login_address(request: Request) -> str:
    """Return Airflow's own door, which leads to the login of its auth manager and back to this request."""
    here = request.scope["root_path"] + request.url.path.partition(PAGE)[2]
    if request.url.query:
        here += f"?{request.url.query}"
    return f"{airflow_root(request)}/api/v2/auth/login?next={quote(here, safe='')}"
