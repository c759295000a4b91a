<?php
require_once "../utils/Log.php";
require_once "../utils/Tools.php";
require_once "../DefaultOpenApiClient.php";
class DataRequest
{
public $url = "";
public $serviceCode = "";
public $apiVersion ="";
public $needToken = true;
public $needDataTag = false;
public $data;
function __construct($data, $url)
{
$this->data = $data;
$apiVersion = preg_split("/[/]+/s",$url)[2];
$this->apiVersion = $apiVersion;
$serviceCode = strstr($url,$apiVersion);
$this->url = strstr($url,"/".$apiVersion,true);
$this->serviceCode = preg_replace("/^" . preg_quote($apiVersion, "/") . "/", "", $serviceCode);
}
}
class DataDemo{
public function main(){
$appid = getenv("HOLDFAST_APP_ID");
$appkey = getenv("HOLDFAST_APP_KEY");
$url = getenv("HOLDFAST_BASE_URL") . "/v1/netpay/bills/preauthed-cancel";
$data = json_encode(array("requestTimestamp"=>"2022-04-21 15:00:52",
"mid"=>"898201612345678",
"tid"=>"88880001",
"instMid"=>"QRPAYDEFAULT",
"billNo"=>getenv("BILL_NO"),
"billDate"=>getenv("BILL_DATE"),
"merOrderId"=>getenv("CAPTURE_ORDER"),
"authIdRespCd"=>getenv("AUTH_CODE"),
"msgId"=>"",
"srcReserve"=>""));
$reqiest = new DataRequest($data,$url);
$client = new DefaultOpenApiClient();
$content = $client->execute($reqiest,$appid,$appkey);
$obj = json_decode($content);
print_r($obj->errCode);
print_r($obj->errInfo);
}
}
$p = new DataDemo();
$p->main();
?>
