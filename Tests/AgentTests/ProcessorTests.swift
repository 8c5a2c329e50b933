import Testing

@testable import Agent

/// Processors that a process may use, from the files of cgroups(7) as hosts and containers show them.
@Suite struct ProcessorTests {
  private static let second = """
    31 23 0:28 / /sys/fs/cgroup rw,nosuid,relatime shared:9 - cgroup2 cgroup2 rw
    """
  private static let first = """
    31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755
    32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,relatime - cgroup cgroup rw,cpu,cpuacct
    33 31 0:30 / /sys/fs/cgroup/cpuset rw,relatime - cgroup cgroup rw,cpuset
    """
  /// A container that shares the host's namespace: its own group is mounted.
  private static let container = """
    32 31 0:29 /docker/1f /sys/fs/cgroup/cpu ro,relatime master:7 - cgroup cgroup rw,cpu
    """

  @Test(
    "a quota of any version and of any group above counts",
    arguments: [
      (["/proc/self/cgroup": "0::/\n"], nil),
      (
        [
          "/proc/self/cgroup": "0::/pra.slice/worker\n", "/proc/self/mountinfo": second,
          "/sys/fs/cgroup/pra.slice/worker/cpu.max": "max 100000\n",
        ], nil
      ),
      (
        [
          "/proc/self/cgroup": "0::/pra.slice/worker\n", "/proc/self/mountinfo": second,
          "/sys/fs/cgroup/pra.slice/worker/cpu.max": "400000 100000\n",
          "/sys/fs/cgroup/pra.slice/cpu.max": "150000 100000\n",
        ], 1.5
      ),
      (
        [
          "/proc/self/cgroup": "0::/\n", "/proc/self/mountinfo": second,
          "/sys/fs/cgroup/cpu.max": "50000 100000\n",
        ], 0.5
      ),
      (
        [
          "/proc/self/cgroup": "5:cpuset:/a\n4:cpu,cpuacct:/slurm/job_7\n0::/\n",
          "/proc/self/mountinfo": first,
          "/sys/fs/cgroup/cpu,cpuacct/slurm/job_7/cpu.cfs_quota_us": "-1\n",
          "/sys/fs/cgroup/cpu,cpuacct/slurm/job_7/cpu.cfs_period_us": "100000\n",
          "/sys/fs/cgroup/cpu,cpuacct/slurm/cpu.cfs_quota_us": "200000\n",
          "/sys/fs/cgroup/cpu,cpuacct/slurm/cpu.cfs_period_us": "100000\n",
        ], 2
      ),
      (
        [
          "/proc/self/cgroup": "4:cpu:/docker/1f\n", "/proc/self/mountinfo": container,
          "/sys/fs/cgroup/cpu/cpu.cfs_quota_us": "250000\n",
          "/sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n",
        ], 2.5
      ),
    ] as [([String: String], Double?)])
  func quotas(files: [String: String], quota: Double?) {
    #expect(Processors.quota { files[$0] } == quota)
  }

  @Test(
    "a part of a processor is a thread, and no quota adds to the affinity mask",
    arguments: [
      (8, nil, 8, "8 threads"),
      (8, 0.5, 1, "1 thread (its control group allows 0.5 of 8 processors)"),
      (8, 1.5, 2, "2 threads (its control group allows 1.5 of 8 processors)"),
      (2, 4, 2, "2 threads"),
      (1, nil, 1, "1 thread"),
    ] as [(Int, Double?, Int, String)])
  func threads(allowed: Int, quota: Double?, threads: Int, words: String) {
    let found = Processors(allowed: allowed, quota: quota)
    #expect(found.threads == threads)
    #expect(found.description == words)
  }
}
