// GPUs of a machine, as the operator sees them: on an emulated driver.

import DatabaseTesting
import Foundation
import Testing

@Suite struct GPUTests {
  @Test func theDoctorShowsGPUsAndTheirCompiler() throws {
    let world = try World()
    let libraries = try EmulatedLibraries(compiler: true)
    defer { libraries.remove() }
    let doctor = try world.pra("doctor", environment: libraries.environment(devices: 2))
    #expect(
      doctor.output.contains(
        "ok     GPU: cuda:0 emulated GPU, 16 GiB, compute capability 9.0; cuda:1 emulated GPU"),
      "\(doctor.output)")
    #expect(doctor.output.contains("ok     GPU compiler: NVRTC 13.0, /"), "\(doctor.output)")
    #expect(doctor.output.contains("ok     GPU products: cuBLASLt, /"), "\(doctor.output)")
  }

  @Test func theDoctorSaysHowToGetACompiler() throws {
    let world = try World()
    let libraries = try EmulatedLibraries(compiler: false)
    defer { libraries.remove() }
    let doctor = try world.pra("doctor", environment: libraries.environment(devices: 1))
    #expect(doctor.output.contains("FAULT  GPU compiler: libnvrtc.so.13"), "\(doctor.output)")
    #expect(
      doctor.output.contains("cuda' 'nvidia-cuda-nvrtc==13.0.*' 'nvidia-cublas==13.0.*'"),
      "\(doctor.output)")
    #expect(doctor.output.contains("ok     GPU products: own kernels"), "\(doctor.output)")
    let none = try world.pra("doctor", environment: libraries.environment(devices: 0))
    #expect(none.output.contains("ok     GPU: none: no CUDA-capable device"), "\(none.output)")
  }

  @Test func aWorkerRefusesGPUsThatAreNotThere() throws {
    let world = try World()
    let libraries = try EmulatedLibraries(compiler: true)
    defer { libraries.remove() }
    let two = libraries.environment(devices: 2)
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
    let libraries = try EmulatedLibraries(compiler: true)
    defer { libraries.remove() }
    let worker = try WorkerProcess(world, environment: libraries.environment(devices: 2))
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
    let libraries = try EmulatedLibraries(compiler: true)
    defer { libraries.remove() }
    let environment = libraries.computingEnvironment(devices: 1)
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
