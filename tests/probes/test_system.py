"""The operating system, and the container or virtual machine around it."""

from __future__ import annotations

import dataclasses
import os
import sys

import pytest

from probes.ask import Asker
from probes.machine import System
from probes.system import probe_system


def recorded(root, files, *, os="linux", environ=None) -> Asker:
    """A machine that consists of these files; a name that ends in `/` is a directory."""
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.mkdir() if name.endswith("/") else path.write_text(text, encoding="utf-8")
    return Asker(root=root, environ=environ or {}, os=os)


UBUNTU = {
    "etc/os-release": 'PRETTY_NAME="Ubuntu 24.04.1 LTS"\nNAME="Ubuntu"\nVERSION_ID="24.04"\n',
    "proc/sys/kernel/osrelease": "6.8.0-45-generic\n",
}

OVERLAY_ROOT = (
    "620 512 0:56 / / rw,relatime - overlay overlay rw,lowerdir=/var/lib/docker/overlay2/l/A\n"
)
DISK_ROOT = "27 1 254:0 / / rw,relatime - ext4 /dev/vda rw,discard\n"


def test_a_desktop_says_its_system_kernel_and_product(tmp_path):
    files = UBUNTU | {
        "sys/class/dmi/id/product_name": "ThinkStation P620\n",
        "sys/class/dmi/id/sys_vendor": "Dell Inc.\n",
        "sys/class/dmi/id/product_serial": "S1ABCD2\n",
        "proc/cpuinfo": "processor\t: 0\nflags\t\t: fpu vme lm avx2\n",
    }
    assert probe_system(recorded(tmp_path, files)) == System(
        os="linux",
        os_version="Ubuntu 24.04.1 LTS",
        kernel="6.8.0-45-generic",
        model="ThinkStation P620",
    )


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        pytest.param(
            {"product_name": "System Product Name", "board_name": "ROG STRIX X670E-E"},
            "ROG STRIX X670E-E",
            id="a board whose maker left the product's name out",
        ),
        pytest.param(
            {"product_name": "To Be Filled By O.E.M.", "board_name": "Default string"},
            None,
            id="nothing but placeholders",
        ),
        pytest.param(
            {
                "sys_vendor": "LENOVO",
                "product_name": "21CB000HUS",
                "product_version": "ThinkPad X1 Carbon Gen 10",
            },
            "ThinkPad X1 Carbon Gen 10",
            id="Lenovo keeps the name in the version",
        ),
        pytest.param({}, None, id="no firmware tables"),
    ],
)
def test_product_names(tmp_path, fields, expected):
    files = {f"sys/class/dmi/id/{name}": f"{text}\n" for name, text in fields.items()}
    assert probe_system(recorded(tmp_path, files)).model == expected


def test_a_board_with_a_device_tree_says_its_model(tmp_path):
    files = {"proc/device-tree/model": "NVIDIA Jetson AGX Orin Developer Kit\0"}
    model = probe_system(recorded(tmp_path, files)).model
    assert model == "NVIDIA Jetson AGX Orin Developer Kit"


@pytest.mark.parametrize(
    ("files", "environ", "expected"),
    [
        pytest.param(UBUNTU, {}, None, id="no container"),
        pytest.param(
            {".dockerenv": "", "proc/self/mountinfo": OVERLAY_ROOT}, {}, "docker", id="docker"
        ),
        pytest.param(
            {".dockerenv": "", "proc/self/mountinfo": DISK_ROOT},
            {},
            None,
            id="a micro virtual machine made from a container's image is none",
        ),
        pytest.param(
            {"proc/1/cgroup": "4:memory:/docker/4f1c\n"}, {}, "docker", id="docker by its group"
        ),
        pytest.param({"run/.containerenv": 'engine="podman-5.0"\n'}, {}, "podman", id="podman"),
        pytest.param({}, {"container": "systemd-nspawn"}, "systemd-nspawn", id="systemd-nspawn"),
        pytest.param(
            {".dockerenv": ""},
            {"KUBERNETES_SERVICE_HOST": "10.96.0.1"},
            "kubernetes",
            id="kubernetes, whatever runs its containers",
        ),
        pytest.param(
            {"proc/1/cgroup": "0::/kubepods.slice/kubepods-pod3a.slice/cri-containerd-9b.scope\n"},
            {},
            "kubernetes",
            id="kubernetes by its group",
        ),
        pytest.param({"run/systemd/container": "lxc\n"}, {}, "lxc", id="lxc"),
        pytest.param(
            {
                "proc/self/mountinfo": (
                    "801 790 0:71 /proc/meminfo /proc/meminfo rw - fuse.lxcfs lxcfs rw\n"
                )
            },
            {},
            "lxc",
            id="lxc by the files LXCFS fakes",
        ),
        pytest.param({".singularity.d/": ""}, {}, "apptainer", id="apptainer, as clusters have it"),
        pytest.param({"run/systemd/container": "wsl\n"}, {}, None, id="WSL is no container"),
    ],
)
def test_containers(tmp_path, files, environ, expected):
    assert probe_system(recorded(tmp_path, files, environ=environ)).container == expected


CLOCKS = "sys/devices/system/clocksource/clocksource0/available_clocksource"


def dmi(**fields: str) -> dict[str, str]:
    """The firmware's tables."""
    return {f"sys/class/dmi/id/{name}": f"{text}\n" for name, text in fields.items()}


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        pytest.param(dmi(sys_vendor="Dell Inc.", product_name="XPS 15"), None, id="bare metal"),
        pytest.param(
            {"proc/sys/kernel/osrelease": "5.15.167.4-microsoft-standard-WSL2\n"}, "wsl", id="WSL 2"
        ),
        pytest.param({"proc/sys/kernel/osrelease": "4.4.0-19041-Microsoft\n"}, "wsl", id="WSL 1"),
        pytest.param({CLOCKS: "tsc kvm-clock acpi_pm\n"}, "kvm", id="KVM without firmware tables"),
        pytest.param(
            dmi(sys_vendor="QEMU", product_name="Standard PC (Q35 + ICH9, 2009)")
            | {CLOCKS: "kvm-clock tsc\n"},
            "kvm",
            id="QEMU that uses KVM",
        ),
        pytest.param(dmi(sys_vendor="QEMU"), "qemu", id="QEMU that emulates"),
        pytest.param(
            dmi(sys_vendor="VMware, Inc.", product_name="VMware Virtual Platform"),
            "vmware",
            id="VMware",
        ),
        pytest.param(
            dmi(sys_vendor="innotek GmbH", product_name="VirtualBox"), "virtualbox", id="VirtualBox"
        ),
        pytest.param(
            dmi(sys_vendor="Microsoft Corporation", product_name="Virtual Machine"),
            "hyperv",
            id="Hyper-V",
        ),
        pytest.param(
            dmi(sys_vendor="Microsoft Corporation", product_name="Surface Laptop 5"),
            None,
            id="a computer of Microsoft's own make",
        ),
        pytest.param(
            dmi(sys_vendor="Amazon EC2", product_name="g5.xlarge"), "amazon", id="a cloud's machine"
        ),
        pytest.param(
            dmi(sys_vendor="Amazon EC2", product_name="c7g.metal"), None, id="a whole one"
        ),
        pytest.param(
            {"proc/device-tree/hypervisor/compatible": "linux,kvm\0"}, "kvm", id="KVM on ARM"
        ),
        pytest.param(
            {CLOCKS: "xen tsc\n", "proc/xen/capabilities": "control_d\n"},
            None,
            id="the first guest of Xen is the machine itself",
        ),
        pytest.param({CLOCKS: "xen tsc\n"}, "xen", id="another guest of Xen is none"),
        pytest.param(
            {"proc/cpuinfo": "processor\t: 0\nflags\t\t: fpu vme hypervisor avx2\n"},
            "hypervisor",
            id="a monitor that does not name itself",
        ),
    ],
)
def test_virtual_machines(tmp_path, files, expected):
    assert probe_system(recorded(tmp_path, files)).virtual_machine == expected


SYSCTL = (
    "sysctl hw hw.model machdep.cpu kern.osproductversion kern.osrelease kern.hv_vmm_present "
    "vm.loadavg"
)


def test_a_mac_says_its_model_and_version(tmp_path):
    files = {
        f"commands/{SYSCTL}": (
            "hw.ncpu: 16\nhw.model: Mac16,6\nkern.osproductversion: 26.1\n"
            "kern.osrelease: 25.1.0\nkern.hv_vmm_present: 0\nvm.loadavg: { 1.93 2.16 2.17 }\n"
        )
    }
    assert probe_system(recorded(tmp_path, files, os="macos")) == System(
        os="macos", os_version="26.1", kernel="25.1.0", model="Mac16,6"
    )


def test_an_old_mac_that_lacks_one_of_the_names_still_answers_for_the_others(tmp_path):
    files = {"commands/sysctl hw.model": "hw.model: iMac14,2\n"}
    assert probe_system(recorded(tmp_path, files, os="macos")) == System(
        os="macos", model="iMac14,2"
    )


def test_windows_11_is_known_by_its_build(tmp_path):
    version = r"reg query HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion"
    bios = r"reg query HKLM\HARDWARE\DESCRIPTION\System\BIOS"
    files = {
        f"commands/{version}": (
            "\nHKEY_LOCAL_MACHINE\\SOFTWARE\\Microsoft\\Windows NT\\CurrentVersion\n"
            "    ProductName    REG_SZ    Windows 10 Pro\n"
            "    DisplayVersion    REG_SZ    24H2\n"
            "    CurrentBuildNumber    REG_SZ    26100\n"
            "    UBR    REG_DWORD    0x7c9\n\n"
        ),
        f"commands/{bios}": "    SystemProductName    REG_SZ    Surface Laptop 7\n",
    }
    assert probe_system(recorded(tmp_path, files, os="windows")) == System(
        os="windows",
        os_version="Windows 11 Pro 24H2",
        kernel="10.0.26100",
        model="Surface Laptop 7",
    )


@pytest.mark.parametrize("name", ["linux", "macos", "windows", "freebsd14"])
def test_a_system_that_says_nothing_is_its_name_and_nothing_else(tmp_path, name):
    assert probe_system(recorded(tmp_path, {}, os=name)) == System(os=name)


def test_no_serial_number_and_no_host_name_is_read(tmp_path):
    secrets = {
        **dmi(product_serial="S1ABCD2", product_uuid="4c4c4544-0046", board_serial="B99XYZ"),
        **dmi(chassis_asset_tag="ASSET77", product_name="XPS 15"),
        "proc/sys/kernel/hostname": "anns-laptop\n",
        "etc/hostname": "anns-laptop\n",
        "etc/machine-id": "0123456789abcdef\n",
    }
    text = repr(dataclasses.asdict(probe_system(recorded(tmp_path, secrets))))
    assert "XPS 15" in text
    for secret in ("S1ABCD2", "4c4c4544", "B99XYZ", "ASSET77", "anns-laptop", "0123456789abcdef"):
        assert secret not in text


@pytest.mark.skipif(sys.platform != "linux", reason="needs the live /proc/sys of Linux")
def test_the_live_kernel_answers_below_proc_sys():
    assert probe_system(Asker(environ={})).kernel == os.uname().release
