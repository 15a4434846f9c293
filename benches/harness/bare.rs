//! The bare handler: an actix-web handler that reads the body and answers 202, and does nothing
//! else. It runs in a process of its own, as the gateway does.

use std::{
    net::{SocketAddr, TcpStream},
    process::Command,
    thread,
};

use actix_web::{App, HttpResponse, HttpServer, web};

use crate::{
    error::{ErrorContext, HarnessError},
    process::{ServerProcess, free_address},
};

/// This program. The link also works after cargo has replaced the file, as it does when it
/// compiles the benches.
const OWN_PROGRAM: &str = "/proc/self/exe";

/// Starts a bare handler.
pub(crate) fn start() -> Result<(ServerProcess, SocketAddr), HarnessError> {
    let address = free_address()?;
    let mut command = Command::new(OWN_PROGRAM);
    command.args(["bare", &address.to_string()]);
    let mut server = ServerProcess::start("bare handler", &mut command)?;
    server.await_ready(|| TcpStream::connect(address).is_ok())?;
    Ok((server, address))
}

/// Serves until SIGTERM, with as many workers as the gateway has.
pub(crate) fn serve(listen: SocketAddr) -> Result<(), HarnessError> {
    let workers = thread::available_parallelism().while_doing("count the processors")?;
    let app = || App::new().route("/client/profiles/", web::post().to(accept));
    let server = HttpServer::new(app).workers(workers.get()).bind(listen);
    let serving = async { server.while_doing("listen")?.run().await.while_doing("serve") };
    actix_web::rt::System::new().block_on(serving)
}

/// Answers with as many headers as the gateway does.
async fn accept(body: web::Bytes) -> HttpResponse {
    std::hint::black_box(&body);
    HttpResponse::Accepted()
        .insert_header(("RateLimit-Limit", "1000000"))
        .insert_header(("RateLimit-Remaining", "999999"))
        .insert_header(("RateLimit-Reset", "60"))
        .finish()
}
