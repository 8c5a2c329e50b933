// GPUs of a machine, as the operator sees them: on an emulated driver.

import DatabaseTesting
import Foundation
import Testing

@Suite struct GPUTests {
  /// The folder of the built programs.
  private let products = URL(filePath: "/proc/self/exe").resolvingSymlinksInPath()
    .deletingLastPathComponent()

  /// A folder with the emulated driver, and its compiler if it is asked for; the caller removes it.
  private func libraries(compiler: Bool) throws -> URL {
    let folder = FileManager.default.temporaryDirectory.appending(path: "gpus-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    let names =
      [("libcuda.so.1", "libEmulatedDriver.so")]
      + (compiler
        ? [
          ("libnvrtc.so.13", "libEmulatedCompiler.so"),
          ("libcublasLt.so.13", "libEmulatedDriver.so"),
        ] : [])
    for (name, library) in names {
      try FileManager.default.createSymbolicLink(
        at: folder.appending(path: name), withDestinationURL: products.appending(path: library))
    }
    return folder
  }

  private func environment(_ folder: URL, devices: Int) -> [String: String] {
    [
      "PRA_CUDA_PATH": folder.path(percentEncoded: false), "EMULATION_DEVICES": String(devices),
      "PRA_HOME": folder.path(percentEncoded: false), "PRA_DEVICE": "",
    ]
  }

  @Test func theDoctorShowsGPUsAndTheirCompiler() throws {
    let world = try World()
    let folder = try libraries(compiler: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let doctor = try world.pra("doctor", environment: environment(folder, devices: 2))
    #expect(
      doctor.output.contains(
        "ok     GPU: cuda:0 emulated GPU, 16 GiB, compute capability 9.0; cuda:1 emulated GPU"),
      "\(doctor.output)")
    #expect(doctor.output.contains("ok     GPU compiler: NVRTC 13.0, /"), "\(doctor.output)")
    #expect(doctor.output.contains("ok     GPU products: cuBLASLt, /"), "\(doctor.output)")
  }

  @Test func theDoctorSaysHowToGetACompiler() throws {
    let world = try World()
    let folder = try libraries(compiler: false)
    defer { try? FileManager.default.removeItem(at: folder) }
    let doctor = try world.pra("doctor", environment: environment(folder, devices: 1))
    #expect(doctor.output.contains("FAULT  GPU compiler: libnvrtc.so.13"), "\(doctor.output)")
    #expect(
      doctor.output.contains("cuda' 'nvidia-cuda-nvrtc==13.0.*' 'nvidia-cublas==13.0.*'"),
      "\(doctor.output)")
    #expect(doctor.output.contains("ok     GPU products: own kernels"), "\(doctor.output)")
    let none = try world.pra("doctor", environment: environment(folder, devices: 0))
    #expect(none.output.contains("ok     GPU: none: no CUDA-capable device"), "\(none.output)")
  }

  @Test func aWorkerRefusesGPUsThatAreNotThere() throws {
    let world = try World()
    let folder = try libraries(compiler: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let two = environment(folder, devices: 2)
    let three = try world.pra("worker", "--gpus", "3", environment: two)
    #expect(three.errors.contains("--gpus 3: there are 2 here"), "\(three.errors)")
    let slots = try world.pra("worker", "--slots", "5", environment: two)
    #expect(
      slots.errors.contains("--slots 5: a worker with 2 GPUs runs one job on each"),
      "\(slots.errors)")
  }

  /// A worker takes a slot for each GPU, and jobs can ask for its labels.
  @Test func aWorkerSaysWhatGPUsItHas() throws {
    let world = try World()
    let folder = try libraries(compiler: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let worker = try WorkerProcess(world, environment: environment(folder, devices: 2))
    try wait {
      try world.rows(
        """
        select 1 from pra.workers
        where slots = 2
          and labels @> '{"gpu": "emulated-GPU", "gpus": "2", "vram_gib": "16"}'
        """
      ).count == 1
    }
    withExtendedLifetime(worker) {}
  }

  /// The demo at 30 steps of two images: trained and drawn from by a worker that has found its GPU, and evaluated by one
  /// without, since the features of all 1,870 images take the emulator minutes.
  @Test func theDemoRunsOnAGPU() throws {
    let world = try World()
    let folder = try libraries(compiler: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let kernels = products.appending(path: "emulated-gpu/kernels")
    let environment = environment(folder, devices: 1).merging([
      "PRA_CUDA_CACHE": kernels.path(percentEncoded: false),
      // Where the compiler is that plays NVIDIA's.
      "PATH": ProcessInfo.processInfo.environment["PATH"] ?? "",
    ]) { $1 }
    let settings = [
      "training.total=30", "training.batch=2", "training.warmup=5", "training.precision=bf16",
      "sampling.steps=2", "sample.count=4", "sample.shards=2",
    ]
    let run = try world.answer(
      ["run", "\(Repository.root)/ops/demo.d/emoji.yaml"] + settings.flatMap { ["--set", $0] })
    let worker = try world.pra(
      "worker", "--until-idle", "--kind", "ingest", "--kind", "train", "--kind", "sample",
      environment: environment)
    #expect(worker.status == 0, "\(worker.errors)")
    let other = try world.pra("worker", "--gpus", "0", "--until-idle", environment: environment)
    #expect(other.status == 0, "\(other.errors)")
    let end = try world.pra("watch", run)
    #expect(end.status == 0, "\(end.errors)\n\(worker.errors)")
    #expect(
      try world.rows("select count(*), bool_and(value > 0) from pra.metrics where name = 'loss'")
        == ["30 t"])
    let log = try world.answer("logs", "--run", run)
    #expect(log.contains("on cuda:0 (emulated GPU)"), "\(log)")
    #expect(try world.answer("evaluations", run).contains("overall"))
  }
}
