"""The texts of a production server's files: for gunicorn, systemd and nginx."""

from collections.abc import Sequence

# What no program of ours asks for, and what has been a way in before: sign-up, the admin's pages, files that users put there
# (avatars with scripts), pages made of what an address says, proxied storage, and the dashboard of the queue.
CLOSED = (
    "/user/signup",
    "/admin",
    "/django-rq",
    "/docs",
    "/data/",
    "/projects/upload-example",
    "/storage-data/",
    "/tasks/",
    "/api/storages/",
    "/api/ml",
)
BODY = "200m"  # of one import; Label Studio itself fails above 250 MiB
TIMEOUT_S = 600  # a large import or export is one request


def gunicorn_conf(folder: str, workers: int) -> str:
    """Return gunicorn's configuration: a socket that only the folder's owner and group reach."""
    return f'''"""gunicorn for Label Studio; written by 'yuelu site install'."""

bind = "unix:{folder}/run/gunicorn.sock"
umask = 0o007
workers = {workers}
worker_class = "gthread"
threads = 4
timeout = {TIMEOUT_S}
graceful_timeout = 30
preload_app = True
pidfile = "{folder}/run/gunicorn.pid"
control_socket_disable = True
'''


def systemd_unit(folder: str, command: Sequence[str]) -> str:
    """Return the unit of the server: as a user of its own, who writes nothing but its folder."""
    return f"""# Label Studio for Yuelu; written by 'yuelu site install'.
[Unit]
Description=Label Studio (Yuelu)
After=network.target postgresql.service

[Service]
User=label-studio
Group=www-data
EnvironmentFile={folder}/label-studio.env
ExecStart={" ".join(command)}
Restart=on-failure
NoNewPrivileges=yes
PrivateTmp=yes
PrivateDevices=yes
ProtectHome=yes
ProtectSystem=strict
ReadWritePaths={folder}/data {folder}/run
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6
CapabilityBoundingSet=

[Install]
WantedBy=multi-user.target
"""


def nginx_conf(*, folder: str, host: str, listen: str, allowed: Sequence[str], tls: tuple[str, str] | None) -> str:
    """Return the part of nginx's configuration that stands in its `http` block.

    No `alias` is used: the server's own static files go through it, and a path cannot leave a folder that nginx does not know.
    """
    secure = (
        f"\n    ssl_certificate {tls[0]};\n    ssl_certificate_key {tls[1]};\n    ssl_protocols TLSv1.2 TLSv1.3;" if tls else ""
    )
    networks = "".join(f"\n    allow {network};" for network in allowed)
    closed = "".join(f"\n    location ^~ {path} {{ return 403; }}" for path in CLOSED)
    return f"""# Label Studio for Yuelu; written by 'yuelu site install'. Include it in the http block.
upstream label-studio-{_word(host)} {{
    server unix:{folder}/run/gunicorn.sock fail_timeout=0;
}}

server {{  # any other host name
    listen {listen}{" ssl" if tls else ""} default_server;{secure}
    return 444;
}}

server {{
    listen {listen}{" ssl" if tls else ""};
    server_name {host};{secure}
    server_tokens off;
    client_max_body_size {BODY};
    client_body_timeout {TIMEOUT_S}s;
    proxy_connect_timeout 10s;
    proxy_read_timeout {TIMEOUT_S}s;
    proxy_send_timeout {TIMEOUT_S}s;
    send_timeout {TIMEOUT_S}s;
    proxy_next_upstream off;  # a request that changes something is never sent twice
    large_client_header_buffers 4 32k;
{networks}
    deny all;
    add_header X-Content-Type-Options nosniff always;
    add_header X-Frame-Options DENY always;
    add_header Referrer-Policy no-referrer always;
    add_header Content-Security-Policy "frame-ancestors 'none'; object-src 'none'; base-uri 'self'" always;
{closed}
    location ~ ^/api/users/[^/]+/avatar {{ return 403; }}
    location / {{
        proxy_pass http://label-studio-{_word(host)};
        proxy_http_version 1.1;
        proxy_set_header Connection "";
        proxy_set_header Host $http_host;
        proxy_set_header X-Forwarded-For $remote_addr;
        proxy_set_header X-Forwarded-Proto $scheme;
        proxy_hide_header X-Content-Type-Options;
        proxy_hide_header X-Frame-Options;
        proxy_hide_header Referrer-Policy;
    }}
}}
"""


def _word(host: str) -> str:
    return host.replace(".", "-")
