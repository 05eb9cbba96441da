import assert from 'node:assert/strict'
import { availableParallelism } from 'node:os'
import { describe, it } from 'vitest'
import { availableProcessors } from '../../src/adapters/local/available-processors.ts'
import { cgroupCpuQuota } from '../../src/adapters/local/cgroup-cpu-quota.ts'

/** Files as Linux shows them, by path. */
const quotaOf = (files: Record<string, string>) => cgroupCpuQuota(path => files[path])

/** A container on a host with cgroup v2 and a namespace of its own: what Docker and Kubernetes do today. */
const container = {
  '/proc/self/mountinfo':
    '512 511 0:52 / /sys rw,nosuid,nodev,noexec,relatime - sysfs sysfs rw\n' +
    '513 512 0:27 / /sys/fs/cgroup ro,nosuid,nodev,noexec,relatime - cgroup2 cgroup rw,nsdelegate,memory_recursiveprot\n',
  '/proc/self/cgroup': '0::/\n',
}
/** A service of systemd on the host itself. */
const host = {
  '/proc/self/mountinfo':
    '26 23 0:23 / /sys/fs/cgroup rw,nosuid,nodev,noexec,relatime shared:4 - cgroup2 cgroup2 rw,nsdelegate\n',
  '/proc/self/cgroup': '0::/system.slice/scoring.service\n',
}
/** A pod of Kubernetes on a host with cgroup v1, whose groups it sees under their names on the host. */
const group = '/kubepods/burstable/pod2b7a/4f1c'
const pod = {
  '/proc/self/mountinfo':
    `790 789 0:33 ${group} /sys/fs/cgroup/memory ro,relatime master:14 - cgroup cgroup rw,memory\n` +
    `791 789 0:34 ${group} /sys/fs/cgroup/cpu,cpuacct ro,relatime master:15 - cgroup cgroup rw,cpu,cpuacct\n`,
  '/proc/self/cgroup': `11:memory:${group}\n4:cpu,cpuacct:${group}\n1:name=systemd:${group}\n`,
}

describe('cgroupCpuQuota', () => {
  it('is the quota of the container', () => {
    assert.equal(quotaOf({ ...container, '/sys/fs/cgroup/cpu.max': '150000 100000\n' }), 1.5)
    const files = { '/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us': '50000\n' }
    assert.equal(quotaOf({ ...pod, ...files, '/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us': '100000\n' }), 0.5)
  })

  it('is undefined where the container has no quota', () => {
    assert.equal(quotaOf({ ...container, '/sys/fs/cgroup/cpu.max': 'max 100000\n' }), undefined)
    const files = { '/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us': '-1\n' }
    assert.equal(quotaOf({ ...pod, ...files, '/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us': '100000\n' }), undefined)
    assert.equal(quotaOf(container), undefined)
    assert.equal(quotaOf({}), undefined)
  })

  it('is the least quota of the own group and those above it', () => {
    const own = '/sys/fs/cgroup/system.slice/scoring.service/cpu.max'
    const above = '/sys/fs/cgroup/system.slice/cpu.max'
    assert.equal(quotaOf({ ...host, [own]: 'max 100000', [above]: '300000 100000' }), 3)
    assert.equal(quotaOf({ ...host, [own]: '200000 100000', [above]: '300000 100000' }), 2)
    assert.equal(quotaOf({ ...host, [own]: '800000 100000', [above]: '300000 200000' }), 1.5)
  })

  it('is found on a host with both versions, under a mount point with a blank', () => {
    const files = {
      '/proc/self/mountinfo':
        '32 31 0:29 / /sys/fs/my\\040cgroup/cpu rw,relatime - cgroup cgroup rw,cpu\n' +
        '33 31 0:30 / /sys/fs/my\\040cgroup/cpuset rw,relatime - cgroup cgroup rw,cpuset\n' +
        '41 31 0:38 / /sys/fs/my\\040cgroup/unified rw,relatime - cgroup2 cgroup2 rw\n',
      '/proc/self/cgroup': '3:cpuset:/\n1:cpu:/batch\n0::/\n',
      '/sys/fs/my cgroup/cpu/batch/cpu.cfs_quota_us': '400000\n',
      '/sys/fs/my cgroup/cpu/batch/cpu.cfs_period_us': '100000\n',
    }
    assert.equal(quotaOf(files), 4)
  })

  it('does not look outside of what the process may see', () => {
    const files = { '/sys/fs/cgroup/cpu.max': '100000 100000', '/sys/fs/cgroup/../other/cpu.max': '1 100000' }
    assert.equal(quotaOf({ ...container, ...files, '/proc/self/cgroup': '0::/../other\n' }), 1)
  })
})

describe('availableProcessors', () => {
  it('are at least one, and no more than Node.js may run on', () => {
    const count = availableProcessors()
    assert.ok(Number.isInteger(count) && count >= 1 && count <= availableParallelism())
  })
})
