//! The bare handler: what actix-web can do that reads a body and answers 202, and
//! nothing else. It is a process of its own, as the gateway is.

use std::{
    net::{SocketAddr, TcpStream},
    process::Command,
    thread,
};

use actix_web::{App, HttpResponse, HttpServer, web};

use crate::{
    process::{Server, free_address},
    trouble::{Trouble, While},
};

/// This program, also after cargo has put another in its place, as it does when it
/// compiles benches.
const OWN_PROGRAM: &str = "/proc/self/exe";

/// Starts one.
pub(crate) fn start() -> Result<(Server, SocketAddr), Trouble> {
    let address = free_address()?;
    let mut command = Command::new(OWN_PROGRAM);
    command.args(["bare", &address.to_string()]);
    let mut server = Server::start("bare handler", &mut command)?;
    server.await_ready(|| TcpStream::connect(address).is_ok())?;
    Ok((server, address))
}

/// Serves until it is told to stop, with as many workers as the gateway has.
pub(crate) fn serve(listen: SocketAddr) -> Result<(), Trouble> {
    let workers = thread::available_parallelism().while_doing("count the processors")?;
    let app = || App::new().route("/client/profiles/", web::post().to(accept));
    let server = HttpServer::new(app).workers(workers.get()).bind(listen);
    let serving = async { server.while_doing("listen")?.run().await.while_doing("serve") };
    actix_web::rt::System::new().block_on(serving)
}

/// The headers are as many as those of the gateway's answer.
async fn accept(body: web::Bytes) -> HttpResponse {
    std::hint::black_box(&body);
    HttpResponse::Accepted()
        .insert_header(("RateLimit-Limit", "1000000"))
        .insert_header(("RateLimit-Remaining", "999999"))
        .insert_header(("RateLimit-Reset", "60"))
        .finish()
}
