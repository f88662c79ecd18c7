# SPDX-License-Identifier: GPL-2.0-only
"""Runs the kernel's ynl client with a command line each, in one process, on a VM that runs.

Prints KTAP. The client's main() is called as its own script does it: to start an interpreter for
each would take most of the time in the simulated host.
"""
import contextlib
import fcntl
import io
import json
import os
import struct
import sys

YNL = '/ynl/tools/net/ynl'
SPEC = '/ynl/lodge.yaml'
SCHEMA = '/ynl/Documentation/netlink/genetlink.yaml'
CREATE_VCPU = 0xbe12	# LODGE_VM_CREATE_VCPU

sys.path.insert(0, YNL)
import cli  # noqa: E402
import yaml  # noqa: E402

# the same reader, but in C: it is what takes most of the rest
yaml.safe_load = lambda stream: yaml.load(stream, Loader=yaml.CSafeLoader)

vm = int(sys.argv[1])
schema = ['--schema', SCHEMA]	# once


def ynl(*words):
    """What the client prints, as JSON, or its text; with its exit status"""
    global schema
    out, status = io.StringIO(), 0
    sys.argv = ['cli.py', '--spec', SPEC, *schema, '--output-json', *words]
    schema = ['--no-schema']
    with contextlib.redirect_stdout(out):
        try:
            cli.main()
        except SystemExit as e:
            status = e.code or 0
    text = out.getvalue()
    try:
        return json.loads(text), status
    except ValueError:
        return text, status


def ask(kind, operation, **attributes):
    return ynl(kind, operation, '--json', json.dumps(attributes))


def state():
    return ask('--do', 'vm-get', number=vm)[0]['state']


def specification():
    caps, status = ynl('--do', 'caps-get')
    assert status == 0 and caps['max-vcpus'] == 64, caps


def list_vms():
    vms, status = ynl('--dump', 'vm-get')
    assert status == 0 and len(vms) == 1, vms
    assert vms[0]['number'] == vm and vms[0]['name'] == 'web', vms
    assert vms[0]['vcpus'] == 2 and vms[0]['state'] == 'running', vms


def processors():
    vcpus, status = ask('--dump', 'vcpu-get', vm=vm)
    assert status == 0 and [v['id'] for v in vcpus] == [0, 1], vcpus
    assert vcpus[0]['vm'] == vm and vcpus[0]['tid'] > 0, vcpus


def counters():
    stats, status = ask('--do', 'stats-get', vm=vm)
    assert status == 0 and stats['vm'] == vm and stats['counters'], stats


def memory():
    slots, status = ask('--dump', 'memory-get', vm=vm)
    assert status == 0 and slots[0]['address'] == 0, slots
    bytes_, status = ask('--do', 'memory-get', vm=vm, address=0x7c00, length=4)
    assert status == 0 and bytes_['data'] == 'faf4ebfc', bytes_


def pause_and_resume():
    assert ask('--do', 'vm-set', number=vm, action='pause')[1] == 0
    assert state() == 'paused'
    assert ask('--do', 'vm-set', number=vm, action='resume')[1] == 0
    assert state() == 'running'


def rename_and_limit():
    assert ask('--do', 'vm-set', number=vm, name='shop', **{'cpu-limit': 70})[1] == 0
    now = ask('--do', 'vm-get', number=vm)[0]
    assert now['name'] == 'shop' and now['cpu-limit'] == 70, now
    assert ask('--do', 'vm-set', number=vm, name='web', **{'cpu-limit': 0})[1] == 0
    now = ask('--do', 'vm-get', number=vm)[0]
    assert now['name'] == 'web' and 'cpu-limit' not in now, now


def refusal():
    said, status = ask('--do', 'vm-get', number=vm + 1000)
    assert status != 0 and 'there is no such VM' in str(said), said
    assert 'bad-attr' in str(said) and '.number' in str(said), said


def events():
    """One is on its way when the client begins to listen"""
    family = cli.YnlFamily(SPEC, '')
    family.ntf_subscribe('life')
    assert ask('--do', 'vm-set', number=vm, action='pause')[1] == 0
    family.check_ntf()
    got = list(family.async_msg_queue)
    assert len(got) == 1 and got[0]['name'] == 'event', got
    assert got[0]['msg']['kind'] == 'paused' and got[0]['msg']['vm'] == vm, got
    assert got[0]['msg']['group'] == 'life', got


def make_one():
    """The client's process makes it, so the descriptor that comes back is this one's"""
    device = os.open('/dev/lodge', os.O_RDWR)
    made, status = ask('--do', 'vm-new', device=device, name='door',
                       flags=['machine', 'hlt-in-kernel'], **{'cpu-limit': 30})
    os.close(device)
    assert status == 0 and made['name'] == 'door' and made['pid'] == os.getpid(), made
    assert made['state'] == 'created' and made['cpu-limit'] == 30, made
    vcpu = fcntl.ioctl(made['fd'], CREATE_VCPU, bytearray(struct.pack('II', 8, 0)))
    now = ask('--do', 'vm-get', number=made['number'])[0]
    assert now['name'] == 'door' and now['vcpus'] == 1, now
    os.close(vcpu)
    os.close(made['fd'])
    said, status = ask('--do', 'vm-new', device=1 << 20, name='door')
    assert status != 0 and 'is not open' in str(said) and '.device' in str(said), said
    assert len(ynl('--dump', 'vm-get')[0]) == 1


def end():
    assert ask('--do', 'vm-set', number=vm, action='kill')[1] == 0
    while state() != 'ended':
        pass
    assert ask('--do', 'vm-get', number=vm)[0]['reason'] == 'killed'
    assert ask('--do', 'vm-delete', number=vm)[1] == 0
    assert ynl('--dump', 'vm-get')[0] == []


cases = [specification, list_vms, processors, counters, memory, pause_and_resume,
         rename_and_limit, refusal, events, make_one, end]
print('KTAP version 1', flush=True)
print(f'1..{len(cases)}', flush=True)
failed = 0
for nr, case in enumerate(cases, 1):
    try:
        case()
        print(f'ok {nr} {case.__name__}', flush=True)
    except Exception as e:
        print(f'# {type(e).__name__}: {str(e)[:500]}')
        print(f'not ok {nr} {case.__name__}', flush=True)
        failed = 1
sys.exit(failed)
