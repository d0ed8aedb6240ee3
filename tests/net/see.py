#!/usr/bin/env python3
"""One TCP attempt, and in one line what a client sees of it.

    see.py ADDRESS PORT [--timeout S] [--ttl N] [--from-port N] [--greet]

    open                                     connected
    open "SSH-2.0-…"                         --greet: and the server said this
    open silent                              --greet: and the server said nothing
    reset                                    connected, and reset at once
    refused                                  a RST answered
    refused icmp 3/3 from 10.77.100.11       an ICMP port unreachable did
    unreachable EHOSTUNREACH icmp 3/13 from 10.77.11.1
    local ENETUNREACH                        our own kernel said no: nothing went out
    timeout

It is deliberately not built from the project's own prober, so that the lab can be tested
without the thing it is there to test.
"""
import argparse
import errno
import select
import socket
import struct

IP_RECVERR, IPV6_RECVERR = 11, 25
ORIGIN_ICMP, ORIGIN_ICMP6 = 2, 3


def error_queue(sock):
    """The ICMP error the kernel kept for this socket: 'icmp TYPE/CODE from ADDRESS'."""
    try:
        _, control, _, _ = sock.recvmsg(512, 512, socket.MSG_ERRQUEUE)
    except OSError:
        return ""
    for level, kind, data in control:
        is4 = (level, kind) == (socket.IPPROTO_IP, IP_RECVERR)
        is6 = (level, kind) == (socket.IPPROTO_IPV6, IPV6_RECVERR)
        if not (is4 or is6):
            continue
        _, origin, icmp_type, code = struct.unpack_from("=IBBB", data)
        if origin not in (ORIGIN_ICMP, ORIGIN_ICMP6):
            continue
        # struct sock_extended_err is 16 bytes; the offender's sockaddr follows it.
        raw = data[20:24] if is4 else data[24:40]
        offender = socket.inet_ntop(socket.AF_INET if is4 else socket.AF_INET6, raw)
        return f" icmp {icmp_type}/{code} from {offender}"
    return ""


def failure(sock, code):
    who = error_queue(sock)
    if code == errno.ECONNREFUSED:
        return "refused" + who
    if code == errno.ECONNRESET:
        return "reset"
    if code == errno.ETIMEDOUT:
        return "timeout"
    name = errno.errorcode.get(code, str(code))
    return ("unreachable " if who else "local ") + name + who


def greeting(sock, seconds):
    sock.settimeout(seconds)
    try:
        data = sock.recv(256)
    except TimeoutError:
        return "open silent"
    except ConnectionResetError:
        return "reset"
    return 'open "%s"' % data.decode("ascii", "replace").strip()


def see(args):
    family = socket.AF_INET6 if ":" in args.address else socket.AF_INET
    v6 = family == socket.AF_INET6
    ip = socket.IPPROTO_IPV6 if v6 else socket.IPPROTO_IP
    with socket.socket(family, socket.SOCK_STREAM) as sock:
        sock.setsockopt(ip, IPV6_RECVERR if v6 else IP_RECVERR, 1)
        if args.ttl:
            sock.setsockopt(ip, socket.IPV6_UNICAST_HOPS if v6 else socket.IP_TTL, args.ttl)
        if args.from_port:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind(("::" if v6 else "0.0.0.0", args.from_port))
        # Closing sends RST: no TIME_WAIT stays behind to refuse the same port again.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        sock.setblocking(False)
        code = sock.connect_ex((args.address, args.port))
        if code not in (0, errno.EINPROGRESS):
            return failure(sock, code)
        poll = select.poll()
        poll.register(sock, select.POLLOUT)
        if not poll.poll(args.timeout * 1000):
            return "timeout"
        code = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if code:
            return failure(sock, code)
        return greeting(sock, args.timeout) if args.greet else "open"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("address")
    parser.add_argument("port", type=int)
    parser.add_argument("--timeout", type=float, default=0.6)
    parser.add_argument("--ttl", type=int)
    parser.add_argument("--from-port", type=int)
    parser.add_argument("--greet", action="store_true")
    print(see(parser.parse_args()))


main()
