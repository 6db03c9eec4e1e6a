"""One sign-in by Authlib. Prints where the user must go, reads the answer that the
browser brought, and prints a report as JSON. See authlib.mjs."""

import json
import secrets
import sys

import requests
from authlib.integrations.requests_client import OAuth2Session
from authlib.jose import JsonWebKey, JsonWebToken
from authlib.oidc.core import CodeIDToken


def main(settings):
    issuer = settings["issuer"]
    found = requests.get(issuer + "/.well-known/openid-configuration", timeout=10).json()
    if found["issuer"] != issuer:
        raise SystemExit("discovery is of another issuer")
    keys = JsonWebKey.import_key_set(requests.get(found["jwks_uri"], timeout=10).json())
    session = OAuth2Session(
        settings["client_id"],
        settings["client_secret"],
        token_endpoint_auth_method=settings["method"],
        revocation_endpoint_auth_method=settings["method"],  # for introspection too
        scope="openid profile email offline_access",
        redirect_uri=settings["redirect_uri"],
        code_challenge_method="S256",
    )

    def claims_of(token, **expected):
        options = {
            "iss": {"essential": True, "value": issuer},
            "aud": {"essential": True, "value": settings["client_id"]},
        }
        params = {"client_id": settings["client_id"], "access_token": token["access_token"], **expected}
        jwt = JsonWebToken([settings["alg"]])
        claims = jwt.decode(token["id_token"], keys, claims_cls=CodeIDToken, claims_options=options, claims_params=params)
        claims.validate()  # Core §3.1.3.7, at_hash included
        return claims

    nonce, verifier = secrets.token_urlsafe(16), secrets.token_urlsafe(48)
    url, state = session.create_authorization_url(found["authorization_endpoint"], nonce=nonce, code_verifier=verifier)
    print(url, flush=True)
    answer = sys.stdin.readline().strip()

    token = session.fetch_token(found["token_endpoint"], authorization_response=answer, state=state, code_verifier=verifier)
    claims = claims_of(token, nonce=nonce)
    userinfo = session.get(found["userinfo_endpoint"], timeout=10).json()
    fresh = session.refresh_token(found["token_endpoint"], refresh_token=token["refresh_token"])

    def active():
        return session.introspect_token(found["introspection_endpoint"], token=fresh["access_token"]).json()["active"]

    report = {"claims": claims, "userinfo": userinfo, "refreshed": claims_of(fresh), "active": active()}
    report["revoked"] = session.revoke_token(found["revocation_endpoint"], token=fresh["refresh_token"]).status_code
    report["activeAfter"] = active()
    print(json.dumps(report), flush=True)


main(json.loads(sys.argv[1]))
